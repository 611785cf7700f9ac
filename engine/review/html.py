"""Reviews as one self-contained HTML file without scripts."""

from collections.abc import Sequence

import chess
import chess.svg

from engine.report.page import escape, figure, folded, page, paragraph, section, table
from engine.review.forms import move_number, numbered
from engine.review.players import JUDGED
from engine.review.review import BAND, GameReview, MoveReview

HONEST = (
    "The judge is a network that looks at each position once, without search: it misses deep "
    "combinations, and its judgements are only as good as its play. "
    "Thresholds are Lichess's: an inaccuracy loses at least 5 points of win probability, a "
    "mistake 10, a blunder 15; accuracy follows Lichess's published formula."
)
MOST_GAMES = 100
WIDTH, HEIGHT, LEFT, BOTTOM = 880, 240, 40, 24  # of the chart, in pixels
CHART_STYLE = """
  text { font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #52525b; }
  .card { fill: #ffffff; } .black { fill: #3f3f46; } .grid { stroke: #a1a1aa66; }
  .band { fill: #2f7ed8; opacity: .25; } .curve { fill: none; stroke: #2f7ed8; stroke-width: 2; }
  .inaccuracy { fill: #c78a00; } .mistake { fill: #e06c00; } .blunder { fill: #d6343b; }
  @media (prefers-color-scheme: dark) { .card { fill: #18181b; } text { fill: #a1a1aa; } }
"""


def review_page(reviews: Sequence[GameReview], players: dict[str, dict], games: int) -> str:
    """The document: a table of players if there are several games, then each game.

    ``games``: the number of games reviewed; ``reviews`` should have only the first `MOST_GAMES`.
    """
    parts = [paragraph(HONEST, faint=True)]
    if games > 1:
        parts.append(section("Players", players_table(players)))
    if games > len(reviews):
        parts.append(paragraph(f"Shown below are the first {len(reviews)} of {games} games."))
    for review in reviews:
        content = "\n".join(_game(review))
        parts.append(
            section(_title(review), content)
            if len(reviews) == 1
            else folded(_title(review), content)
        )
    return page("Games reviewed by Argmax", parts)


def players_table(players: dict[str, dict]) -> str:
    """A table with a row for each player."""
    head = ("player", "games", "moves", "accuracy", "given away per move", "best moves", *JUDGED)
    rows = []
    for name, figures in players.items():
        counts = [figures[f"{kind}_count"] for kind in JUDGED]
        row = [
            _percent(figures["accuracy"], 100),
            _percent(figures["given_away_a_move"]),
            _percent(figures["best_move_rate"]),
        ]
        rows.append((name, figures["games"], figures["moves"], *row, *counts))
    return table(head, rows)


def _percent(share: float | None, whole: float = 1.0) -> str:
    return "" if share is None else f"{100 * share / whole:.1f} %"


def _title(review: GameReview) -> str:
    game = review.game
    return f"{game.name(chess.WHITE)} – {game.name(chess.BLACK)}, {game.result}"


def _game(review: GameReview) -> list[str]:
    sides = []
    for color, name in ((chess.WHITE, "White"), (chess.BLACK, "Black")):
        counts = review.judgements(color)
        accuracy = review.accuracy[color]
        sides.append(
            (
                name,
                review.game.name(color),
                "" if accuracy is None else f"{accuracy:.0f} %",
                *(counts[kind] for kind in JUDGED),
            )
        )
    band = f"{BAND[0]:.0%} to {BAND[1]:.0%}"
    parts = [
        table(("", "player", "accuracy", *JUDGED), sides),
        figure(
            chart(review),
            f"White's win probability after each move; band: {band} quantiles",
            "wide",
        ),
    ]
    points = review.turning_points
    if points:
        parts.append("<h3>Turning points</h3>")
        parts += [
            figure(_turning_board(review, move), _sentence(move), kind="small") for move in points
        ]
    return [*parts, "<h3>Moves</h3>", _moves_table(review)]


def _sentence(move: MoveReview) -> str:
    kind = move.judgement or "move"
    return (
        f"{numbered(move)}: {kind}, {100 * move.given_away:.0f} points given away. "
        f"{move.best_san} was best ({move.best_win_prob:.0%} instead of {move.win_prob:.0%})."
    )


def _turning_board(review: GameReview, move: MoveReview) -> str:
    """The position before a move, with arrows for the played move (red) and the best one
    (green)."""
    board = review.game.start.copy()
    for played in review.game.moves[: move.ply - 1]:
        board.push(played)
    arrows = [
        chess.svg.Arrow(move.move.from_square, move.move.to_square, color="#d6343bd0"),
        chess.svg.Arrow(move.best.from_square, move.best.to_square, color="#15803dd0"),
    ]
    return chess.svg.board(board, orientation=board.turn, arrows=arrows, size=300)


def _moves_table(review: GameReview) -> str:
    rows = [
        (
            numbered(move),
            f"{move.white_win_prob:.1%}",
            f"{100 * move.given_away:.1f}" if move.given_away else "",
            move.judgement or ("only move" if move.only_move else ""),
            "" if move.move == move.best else move.best_san,
            f"{2**move.entropy_bits:.1f}",
        )
        for move in review.moves
    ]
    head = ("move", "White wins", "given away", "judgement", "best", "choice among moves")
    return table(head, rows)


def chart(review: GameReview) -> str:
    """The curve of White's win probability with its band, as SVG; judged moves are marked."""
    curve = review.curve
    step = (WIDTH - LEFT - 10) / max(1, len(curve) - 1)

    def point(ply: float, win_prob: float) -> str:
        return f"{LEFT + ply * step:.1f} {10 + (HEIGHT - BOTTOM - 10) * (1 - win_prob):.1f}"

    low = [point(m.ply, m.white_band[0]) for m in review.moves]
    high = [point(m.ply, m.white_band[1]) for m in review.moves]
    line = "L".join(point(ply, p) for ply, p in enumerate(curve))
    lines = [
        f'<path class="grid" d="M{point(0, p)}H{WIDTH - 10}"/>'
        f'<text x="2" y="{point(0, p).split()[1]}" dy="4">{p:.0%}</text>'
        for p in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    marks = []
    for move in review.moves:
        if move.judgement:
            x, y = point(move.ply, move.white_win_prob).split()
            title = escape(_sentence(move))
            marks.append(
                f'<circle class="{move.judgement}" cx="{x}" cy="{y}" r="4.5">'
                f"<title>{title}</title></circle>"
            )
    numbers = [
        f'<text x="{LEFT + move.ply * step:.1f}" y="{HEIGHT - 6}">{move_number(move)}</text>'
        for move in review.moves[::20]
        if LEFT + move.ply * step < WIDTH - 30
    ]
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}"><style>{CHART_STYLE}</style>',
            f'<rect class="card" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
            *lines,
            f'<path class="band" d="M{"L".join(low + high[::-1])}Z"/>' if low else "",
            f'<path class="curve" d="M{line}"/>',
            *marks,
            *numbers,
            "</svg>",
        ]
    )
