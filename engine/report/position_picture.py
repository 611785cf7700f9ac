"""A picture of a position: the best moves as arrows, and their distributions next to the board.

Plain SVG; only the board is drawn by a library (chess.svg). It has its own background, light or
dark as the system prefers, and uses system fonts.
"""

import chess
import chess.svg
import numpy as np

from engine.play.analysis import Analysis

COLOURS = ("#2f7ed8", "#e8890c", "#1a9e77", "#b45ad6", "#d6455d")  # best move first
TEACHER = "#18181bd0"
STYLE = """
  .card { fill: #ffffff; stroke: #d4d4d8; }
  .ink { fill: #27272a; }
  .faint { fill: #71717a; }
  .rule { stroke: #d4d4d8; }
  .mean { stroke: #27272a; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #18181b; stroke: #3f3f46; }
    .ink { fill: #f4f4f5; }
    .faint { fill: #a1a1aa; }
    .rule { stroke: #3f3f46; }
    .mean { stroke: #f4f4f5; }
  }
  text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; }
  .move { font-size: 17px; font-weight: 600; }
"""

BOARD, MARGIN = 420, 20  # sizes in pixels, here and below
LABELS_LEFT = MARGIN + BOARD + 28
PLOT_LEFT, PLOT_WIDTH = LABELS_LEFT + 88, 320
PLOT_TOP, PLOT_BOTTOM = MARGIN + 34, MARGIN + BOARD - 26
_SEAM = MARGIN + BOARD + MARGIN // 2
WIDTH, HEIGHT = PLOT_LEFT + PLOT_WIDTH + 28, BOARD + 2 * MARGIN


def halves(svg: str) -> list[str]:
    """A `picture` split into two: the board, and the distributions."""
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
    assert box in svg
    sides = ((0, _SEAM), (_SEAM, WIDTH - _SEAM))
    boxes = (f'viewBox="{left} 0 {wide} {HEIGHT}" width="{wide}"' for left, wide in sides)
    return [svg.replace(box, other, 1) for other in boxes]


def picture(
    analysis: Analysis, shown: int = len(COLOURS), teacher: chess.Move | None = None
) -> str:
    """The SVG of a position with its ``shown`` best moves (at most one per colour).

    ``teacher``: another best move to compare with, as a dark arrow. All histograms have the same
    scale. All win probabilities are for the side to move.
    """
    count = min(shown, len(COLOURS), len(analysis.moves))
    side = "White" if analysis.board.turn else "Black"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{side} to move: win probabilities of the best moves</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10"/>',
        f'<g transform="translate({MARGIN} {MARGIN})">{_board(analysis, count, teacher)}</g>',
        _text(LABELS_LEFT, MARGIN + 16, f"{side} to move: win probabilities of the best moves"),
        *_axis(),
        *_rows(analysis, count),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _board(analysis: Analysis, count: int, teacher: chess.Move | None) -> str:
    """The board from the side to move, with the best move's arrow on top."""
    board = analysis.board
    arrows = [
        chess.svg.Arrow(move.from_square, move.to_square, color=f"{colour}d0")
        for move, colour in zip(analysis.moves[:count], COLOURS, strict=False)
    ]
    if teacher is not None:  # the first, so that it lies on top
        arrows.insert(0, chess.svg.Arrow(teacher.from_square, teacher.to_square, color=TEACHER))
    return chess.svg.board(
        board,
        orientation=board.turn,
        arrows=arrows[::-1],
        lastmove=board.peek() if board.move_stack else None,
        check=board.king(board.turn) if board.is_check() else None,
        size=BOARD,
    )


def _axis() -> list[str]:
    """Lines at 0, 25, ... 100 % behind the histograms, and their labels below."""
    parts = []
    for percent, label in ((0, "0 %"), (25, ""), (50, "50 %"), (75, ""), (100, "100 %")):
        x = PLOT_LEFT + PLOT_WIDTH * percent / 100
        parts.append(_line("rule", x, PLOT_TOP, PLOT_BOTTOM))
        parts.append(_text(x, PLOT_BOTTOM + 20, label, "faint", anchor="middle"))
    return parts


def _rows(analysis: Analysis, count: int) -> list[str]:
    """A row for each move: its name, its expected value, its distribution.

    A move that the rules decide has all its mass in one bin: its bar is clipped, so that it does
    not flatten the others.
    """
    height = (PLOT_BOTTOM - PLOT_TOP) / len(COLOURS)
    decided = np.array([verdict is not None for verdict in analysis.verdicts[:count]])
    masses = analysis.outcomes[:count]
    top = masses[~decided].max() if not decided.all() else masses.max()
    parts = []
    for row in range(count):
        base = PLOT_TOP + (row + 1) * height
        heights = np.minimum(masses[row] / top, 1.0) * (height - 12)
        mean_x = PLOT_LEFT + PLOT_WIDTH * analysis.win_probs[row]
        name = analysis.board.san(analysis.moves[row])
        verdict = analysis.verdicts[row]
        parts += [
            f'<path fill="{COLOURS[row]}" d="{_steps(heights, base)}"/>',
            f'<line class="rule" x1="{LABELS_LEFT}" x2="{PLOT_LEFT + PLOT_WIDTH}"'
            f' y1="{base:.1f}" y2="{base:.1f}"/>',
            _line("mean", mean_x, base - height + 6, base, dashed=True),
            f'<rect fill="{COLOURS[row]}" x="{LABELS_LEFT}" y="{base - 52:.1f}"'
            ' width="5" height="36" rx="2"/>',
            _text(LABELS_LEFT + 14, base - 36, name, "ink move"),
            _text(LABELS_LEFT + 14, base - 17, f"{100 * analysis.win_probs[row]:.1f} %"),
            _text(PLOT_LEFT + 6, base - height + 18, verdict.reason if verdict else "", "faint"),
        ]
    return parts


def _steps(heights: np.ndarray, base: float) -> str:
    """Bar heights [K] -> the outline of a histogram with baseline ``base``, as an SVG path."""
    edges = PLOT_LEFT + PLOT_WIDTH * np.linspace(0, 1, len(heights) + 1)[1:]
    tops = [f"V{base - h:.1f}H{x:.1f}" for h, x in zip(heights, edges, strict=True)]
    return f"M{PLOT_LEFT} {base:.1f}{''.join(tops)}V{base:.1f}Z"


def _text(x: float, y: float, text: str, style: str = "ink", anchor: str = "start") -> str:
    """A line of text; an empty string for an empty text."""
    if not text:
        return ""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _line(style: str, x: float, top: float, bottom: float, dashed: bool = False) -> str:
    """A vertical line."""
    dashes = ' stroke-dasharray="3 3"' if dashed else ""
    ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"'
    return f'<line class="{style}" {ends}{dashes}/>'
