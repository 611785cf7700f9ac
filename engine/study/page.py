"""The study's results as Markdown, inserted into a page.

A page has pairs of markers, ``<!-- NAME -->`` and ``<!-- /NAME -->``. The text between them is
replaced by tables of results; the rest is not changed. Names: claims, representation, and all
studies.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

from data_pipeline.common.errors import InputError
from engine.study.charts import PANELS, PROBED
from engine.study.claims import FALLING, claims
from engine.study.grid import STUDIES, Cell, Sweep, cells_of
from engine.study.probes import untrained_points
from engine.study.table import BASELINE, Mean, Point, Table, points

SHOWN = {"regret": "regret", "squared_error": "squared error", "agreement": "agreement"}
"""The metrics in tables of differences. The first decides a claim in play, the second in values."""
VERDICTS = {
    "holds": "speak for the claim",
    "the opposite": "against it",
    "open": "leave it open",
}
UNKNOWN = "…"
PLACES = ("in play", "in values")
MARKS = re.compile(r"<!-- ([a-z-]+) -->\n.*?<!-- /\1 -->", re.DOTALL)


def fill(page: str, text_of: Callable[[str], str]) -> str:
    """The page with the text between all markers replaced by that for the markers' name."""
    if not MARKS.search(page):
        raise InputError("expected a page with marks such as <!-- claims -->, found none")

    def block(found: re.Match) -> str:
        name = found[1]
        return f"<!-- {name} -->\n\n{text_of(name)}\n<!-- /{name} -->"

    return MARKS.sub(block, page)


def text_of(name: str, table: Table, probes: Table, base: Cell, seeds: int) -> str:
    """The Markdown for one marker."""
    if name == "claims":
        return claims_text(table, base, seeds)
    if name == "representation":
        return probes_text(probes, base, seeds)
    return study_text(name, table, base, seeds)


def claims_text(table: Table, base: Cell, seeds: int) -> str:
    """How many claims hold, and the differences for each claim, or a note that it was not run
    yet."""
    rows, whole, partial = [], [], []
    for claim in claims(base, table, seeds):
        first = f"**{claim.text}**"
        known = [contrast for contrast in claim.contrasts if contrast.seeds(table, seeds)]
        for contrast in known:
            count = len(contrast.seeds(table, seeds))
            found = [contrast.effect(name, table, seeds) for name in SHOWN]
            words = [verdict(effect, count == seeds) for effect in found[:2]]
            of_figures = (difference(*pair) for pair in zip(SHOWN, found, strict=True))
            rows.append((first, contrast.label, count, *of_figures, *words))
            (whole if count == seeds else partial).append(found[:2])
            first = ""
        if not known:
            rows.append((first, progress(claim.study, table, base, seeds), *[""] * 6))
    units = (f"{label}, {unit(name)}" for name, label in SHOWN.items())
    head = ("claim", "by", "seeds", *units, *PLACES)
    return f"{tally(whole, partial, seeds)}\n\n{markdown(head, rows)}"


def tally(
    whole: Sequence[Sequence[Mean | None]], partial: Sequence[Sequence[Mean | None]], seeds: int
) -> str:
    """How many differences, in play and in values, support their claim, oppose it, or are open."""
    sentences = [f"No difference has all of its {seeds} seeds yet."]
    if whole:
        parts = []
        for name, effects in zip(PLACES, zip(*whole, strict=True), strict=True):
            count = Counter(verdict(effect, True) for effect in effects)
            each = ", ".join(f"{count[word]} {text}" for word, text in VERDICTS.items())
            parts.append(f"{name} {each}")
        sentences = [f"Differences with all {seeds} seeds: {len(whole)}; {'; '.join(parts)}."]
    if partial:
        above = [
            f"{sum(effect is not None and effect.mean > 0 for effect in effects)} {name}"
            for name, effects in zip(PLACES, zip(*partial, strict=True), strict=True)
        ]
        sentences.append(
            f"With fewer seeds so far: {len(partial)}; {' and '.join(above)} are above 0, which "
            "settles nothing."
        )
    return " ".join(sentences)


def study_text(name: str, table: Table, base: Cell, seeds: int) -> str:
    """Means of all metrics, and differences from HL-Gauss, for each sweep of a study."""
    parts = [progress(name, table, base, seeds) + "\n"]
    for sweep in STUDIES[name]:
        found = points(sweep, base, seeds, table)
        if len({point.value for point in found}) > 1 or (found and len(sweep.values) == 1):
            parts += [means(sweep, found, PANELS), differences(sweep, found, SHOWN)]
    return "\n".join(part for part in parts if part)


def probes_text(probes: Table, base: Cell, seeds: int) -> str:
    """R^2 of the linear probes by loss, and for untrained trunks."""
    parts = [progress("representation", probes, base, seeds) + "\n"]
    (sweep,) = STUDIES["representation"]
    found = points(sweep, base, seeds, probes)
    if found:
        untrained = untrained_points(base, seeds, probes)
        named = [*((point.loss, point) for point in found), *(("untrained", p) for p in untrained)]
        rows = [(name, point.seeds, *point.texts(PROBED)) for name, point in named]
        parts += [markdown(("loss", "seeds", *PROBED.values()), rows)]
        parts += [differences(sweep, found, PROBED)]
    return "\n".join(part for part in parts if part)


def progress(name: str, table: Table, base: Cell, seeds: int) -> str:
    """How much of a study is done; cells shared with the study `losses` do not count as a start."""
    cells = cells_of(name, seeds, base)
    done = sum(cell in table for cell in cells)
    own = set(cells) - set(cells_of("losses", seeds, base)) or set(cells)
    if not own & table.keys():
        return f"Not yet run (`argmax study {name}`)."
    return f"{done} of {len(cells)} cells are done." if done < len(cells) else "All cells are done."


def means(sweep: Sweep, found: Sequence[Point], figures: dict[str, str]) -> str:
    """A table of means with their intervals."""
    factor = sweep.factor.replace("_", " ")
    rows = [(p.loss, p.value, p.seeds, *p.texts(figures)) for p in found]
    return markdown(("loss", factor, "seeds", *figures.values()), rows)


def differences(sweep: Sweep, found: Sequence[Point], figures: dict[str, str]) -> str:
    """A table of differences from HL-Gauss, positive if HL-Gauss is better; empty if there are
    none."""
    rows = []
    for point in found:
        if point.loss != BASELINE and point.differences:
            better = {name: advantage(name, point.differences.get(name)) for name in figures}
            texts = (difference(name, effect) for name, effect in better.items())
            rows.append((point.loss, point.value, *texts))
    units = (f"{label}, {unit(name)}" for name, label in figures.items())
    head = ("hl-gauss against", sweep.factor.replace("_", " "), *units)
    return markdown(head, rows) if rows else ""


def advantage(name: str, effect: Mean | None) -> Mean | None:
    """Another loss's metric minus HL-Gauss's -> by how much HL-Gauss is better."""
    if effect is None or name in FALLING:
        return effect
    return Mean(-effect.mean, -effect.high, -effect.low)


def unit(name: str) -> str:
    """The unit of the differences of a metric."""
    if name in FALLING:
        return "thousandths"
    return "R² points" if name in PROBED else "% points"


def difference(name: str, effect: Mean | None) -> str:
    """A difference in its unit, bold if its interval excludes 0."""
    if effect is None:
        return ""
    scale = 1000 if name in FALLING else 100
    text = f"{scale * effect.mean:+.2f}"
    if not math.isfinite(effect.low):
        return f"{text} (one seed)"
    text = f"{text} ± {scale * (effect.high - effect.mean):.2f}"
    return f"**{text}**" if effect.low > 0 or effect.high < 0 else text


def verdict(effect: Mean | None, whole: bool) -> str:
    """What an interval means for a claim that expects more than 0, once all seeds are done."""
    if effect is None or not whole:
        return UNKNOWN
    if effect.low <= 0 <= effect.high:
        return "open"
    return "holds" if effect.low > 0 else "the opposite"


def markdown(head: Sequence[str], rows: Sequence[Sequence]) -> str:
    """A table with its first column aligned left and the others centred."""
    lines = [head, ("---", *[":-:"] * (len(head) - 1)), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
