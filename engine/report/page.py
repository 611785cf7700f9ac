"""The report as one self-contained HTML page: pictures are embedded as data."""

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape as escape_html

from data_pipeline.common.plain_text import clean

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #8884;
  font-variant-numeric: tabular-nums; vertical-align: top; }
th { font-weight: 600; }
td.figures { white-space: nowrap; }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; vertical-align: top; }
figure.wide { overflow-x: auto; }
figure.wide img { min-width: 32rem; }
figure.small { display: inline-block; width: 19rem; max-width: 100%; margin-right: 1rem;
  vertical-align: top; }
figcaption, .faint { color: #66666d; font-size: .92rem; overflow-wrap: anywhere; }
h1, p { overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { figcaption, .faint { color: #a1a1aa; } }
@media (max-width: 40rem) { h1 { font-size: 1.6rem; } }
code { font-size: .9em; overflow-wrap: anywhere; }
"""


_FIGURES = re.compile(r"[-+\d.,% ]*\d[-+\d.,% ]*(to [-+\d.,% ]+)?")


def escape(text: str) -> str:
    """Text that others wrote, such as a player's name, as part of a page."""
    return escape_html(clean(text))


def page(title: str, sections: Iterable[str]) -> str:
    """The whole document."""
    body = "\n".join(sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading with its content."""
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(parts) + "</section>"


def paragraph(text: str, faint: bool = False) -> str:
    """A paragraph of plain text."""
    return f"<p{' class=faint' if faint else ''}>{escape(text)}</p>"


def folded(title: str, content: str) -> str:
    """Content that is hidden until the reader opens it."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of plain text."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = ("".join(map(_cell, row)) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _cell(content: object) -> str:
    """A cell of a table; numbers and intervals do not wrap."""
    text = str(content)
    kind = ' class="figures"' if _FIGURES.fullmatch(text) else ""
    return f"<td{kind}>{escape(text)}</td>"


def figure(svgs: str | Sequence[str], caption: str, kind: str = "") -> str:
    """SVGs as ``<img>`` elements, so that their styles and ids do not clash with those of the page.
    They share rows as far as the page is wide enough.

    ``kind``: ``wide`` for a figure that scrolls sideways on a narrow screen instead of shrinking;
    ``small`` if several figures share a row.
    """
    chosen = f' class="{kind}"' if kind else ""
    alt = escape(caption)
    images = []
    for svg in [svgs] if isinstance(svgs, str) else svgs:
        data = base64.b64encode(svg.encode()).decode()
        images.append(f'<img alt="{alt}" src="data:image/svg+xml;base64,{data}">')
        alt = ""
    shown = "".join(images)
    return f"<figure{chosen}>{shown}<figcaption>{escape(caption)}</figcaption></figure>"


def span(interval: Sequence[float], digits: int = 4) -> str:
    """An interval as text."""
    low, high = interval
    return f"{low:.{digits}f} to {high:.{digits}f}"


def percent_span(interval: Sequence[float]) -> str:
    """An interval of shares as text, in percent."""
    low, high = interval
    return f"{low:.1%} to {high:.1%}"
