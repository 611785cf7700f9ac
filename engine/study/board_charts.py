"""Heat maps: numbers on the squares of one or more boards, in one SVG.

Boards have their own background and titles are grey, so that the picture suits light and dark
pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import chess
import chess.svg

from engine.report.charts import INK

PLAIN = {"square light": "#f1f1f3", "square dark": "#dcdce1", "margin": "#52525b"}
HOT, COLD = "#e8590c", "#1c7ed6"
EDGE, SQUARE, SIDE = 15, 45, 390  # sizes of chess.svg: margin, square, whole board
TITLE, GAP = 34, 18
# As a style, since the style rules of other pictures on the page would override attributes.
FONT = "font-family: system-ui, sans-serif; font-weight: 600"


@dataclass(frozen=True)
class HeatMap:
    """A board with numbers on squares, and arrows."""

    title: str
    board: chess.Board
    heat: Mapping[int, float] = field(default_factory=dict)
    """Numbers in [-1, 1] by square: the intensity of the colour, blue below 0."""
    labels: Mapping[int, str] = field(default_factory=dict)
    """Text by square, at most four letters."""
    arrows: Sequence[tuple[int, int]] = ()
    marked: int | None = None
    """A square to draw a frame around."""


def heat_maps(maps: Sequence[HeatMap], columns: int = 4, size: int = 250) -> str:
    """The SVG of boards in rows, each ``size`` pixels wide, seen from the side to move."""
    rows = -(-len(maps) // columns)
    width, height = columns * (SIDE + GAP), rows * (SIDE + TITLE + GAP)
    shown_width = round(columns * size)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="0 0 {width} {height}" width="{shown_width}"'
        f' height="{round(shown_width * height / width)}">'
    ]
    for number, heat_map in enumerate(maps):
        x = number % columns * (SIDE + GAP)
        y = number // columns * (SIDE + TITLE + GAP)
        parts += [f'<g transform="translate({x} {y})">', *_parts(heat_map), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _parts(heat_map: HeatMap) -> list[str]:
    turn = heat_map.board.turn
    svg = chess.svg.board(
        heat_map.board,
        orientation=turn,
        size=SIDE,
        colors=PLAIN,
        fill={square: _colour(number) for square, number in heat_map.heat.items()},
        arrows=[chess.svg.Arrow(*arrow, color="#2b8a3ecc") for arrow in heat_map.arrows],
    )
    texts = [_label(square, text, turn) for square, text in heat_map.labels.items()]
    if heat_map.marked is not None:
        x, y = _corner(heat_map.marked, turn)
        texts.append(
            f'<rect x="{x + 2}" y="{y + 2}" width="{SQUARE - 4}" height="{SQUARE - 4}"'
            ' fill="none" stroke="#2b8a3e" stroke-width="4"/>'
        )
    board = svg.replace("</svg>", "".join(texts) + "</svg>")
    return [
        f'<text x="{EDGE}" y="24" style="{FONT}; font-size: 22px; fill: {INK}">'
        f"{escape(heat_map.title)}</text>",
        f'<g transform="translate(0 {TITLE})">{board}</g>',
    ]


def _colour(number: float) -> str:
    """The colour of a number, with its intensity as alpha."""
    strength = round(235 * min(abs(number), 1.0))
    return f"{HOT if number >= 0 else COLD}{strength:02x}"


def _corner(square: int, orientation: chess.Color) -> tuple[int, int]:
    """The upper left corner of a square in the picture."""
    seen = square if orientation else square ^ 63
    return EDGE + SQUARE * (seen & 7), EDGE + SQUARE * (7 - (seen >> 3))


def _label(square: int, text: str, orientation: chess.Color) -> str:
    x, y = _corner(square, orientation)
    return (
        f'<text x="{x + SQUARE - 3}" y="{y + SQUARE - 4}" text-anchor="end"'
        f' style="{FONT}; font-size: 15px; fill: #18181b; stroke: #ffffff; stroke-width: 3px;'
        f' paint-order: stroke">{escape(text)}</text>'
    )
