"""The diagrams of the network and of the packages: ``python docs/figures/diagrams.py``.

Writes ``docs/network.svg``, from the configuration of the network that ships, and
``docs/packages.svg``. Both adapt to light and dark mode. ``tests/house/test_docs.py`` checks that
they agree with the code.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from engine.networks import shipped_network
from model.config import BoardConfig
from model.network.network_file import Network, load_network

DOCS = Path(__file__).parents[1]

STYLE = """
  .card { fill: #ffffff; stroke: #d4d4d8; }
  .box { fill: #f4f4f5; stroke: #a1a1aa; }
  .blue { fill: #e3effc; stroke: #2f7ed8; }
  .orange { fill: #fdf0dd; stroke: #d97706; }
  .green { fill: #dff5ec; stroke: #1a9e77; }
  .violet { fill: #f4e8fb; stroke: #a855c8; }
  .bars { fill: #2f7ed8; }
  .ink { fill: #27272a; }
  .faint { fill: #62626b; }
  .line { stroke: #71717a; fill: none; stroke-width: 1.6; }
  .tip { fill: #71717a; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #18181b; stroke: #3f3f46; }
    .box { fill: #27272a; stroke: #71717a; }
    .blue { fill: #14283f; stroke: #5aa0ea; }
    .orange { fill: #3a2810; stroke: #e8a33d; }
    .green { fill: #0f3126; stroke: #35c49a; }
    .violet { fill: #321c3d; stroke: #c98ae2; }
    .bars { fill: #5aa0ea; }
    .ink { fill: #f4f4f5; }
    .faint { fill: #a9a9b2; }
    .line { stroke: #a1a1aa; }
    .tip { fill: #a1a1aa; }
  }
  text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12.5px; }
  .title { font-size: 14.5px; font-weight: 600; }
  .code { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
  .small { font-size: 11.5px; }
"""


@dataclass(frozen=True)
class Box:
    """A rectangle with a title and lines of text; sizes in pixels."""

    left: float
    top: float
    width: float
    height: float
    style: str
    title: str
    lines: Sequence[str] = ()

    @property
    def right(self) -> float:
        """The x of its right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower edge."""
        return self.top + self.height

    @property
    def middle(self) -> float:
        """The y halfway down."""
        return self.top + self.height / 2

    def draw(self) -> list[str]:
        """The rectangle and its text."""
        texts = [text(self.left + 12, self.top + 22, self.title, "ink title")]
        for i, line in enumerate(self.lines):
            texts.append(text(self.left + 12, self.top + 42 + 17 * i, line, "faint"))
        return [rectangle(self.left, self.top, self.width, self.height, self.style), *texts]


def rectangle(left: float, top: float, width: float, height: float, style: str) -> str:
    """A rectangle with round corners."""
    return (
        f'<rect class="{style}" x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}"'
        ' rx="7"/>'
    )


def text(x: float, y: float, words: str, style: str, anchor: str = "start") -> str:
    """One line of text."""
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{style}" x="{x:g}" y="{y:g}"{place}>{escape(words)}</text>'


def arrow(*points: tuple[float, float]) -> str:
    """A line through the points with a tip at the last one."""
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path class="line" d="{path}" marker-end="url(#tip)"/>'


def picture(width: int, height: int, title: str, description: str, parts: Iterable[str]) -> str:
    """An SVG with its own background."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img">'
    )
    tip = (
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker>'
    )
    card = rectangle(0.5, 0.5, width - 1, height - 1, "card")
    return "\n".join(
        [
            head,
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            f"<style>{STYLE}</style>",
            f"<defs>{tip}</defs>",
            card,
            *parts,
            "</svg>\n",
        ]
    )


def network_diagram(network: Network) -> str:
    """One forward pass of a network of the board architecture, with its real sizes."""
    config, width = network.config, network.config.width
    assert isinstance(config, BoardConfig)
    hidden = network.params["~"]["move_head_in"].shape[1]
    board = Box(
        20,
        64,
        200,
        116,
        "box",
        "64 squares",
        (
            "seen from the side to move:",
            "piece + square + castling",
            "rights and en passant",
            f"64 tokens × {width}",
        ),
    )
    trunk = Box(
        268,
        64,
        330,
        116,
        "blue",
        f"Trunk: {config.layers} Transformer layers",
        (
            f"self-attention over the squares, {config.heads} heads,",
            "with a learned weight for each attack relation:",
            "attacks, attacked by, and both by x-ray",
            f"feed-forward {width} → {width * config.widening} → {width}",
        ),
    )
    moves = Box(
        20,
        248,
        200,
        133,
        "box",
        "All legal moves",
        (
            "source square + target",
            "square + promotion",
            "+ mean of the board",
            "+ loose pieces afterwards",
            f"M tokens × {width}",
        ),
    )
    decoder = Box(
        268,
        248,
        330,
        133,
        "orange",
        f"Move decoder: {config.decoder_layers} Transformer layers",
        (
            "each move attends to the squares, not to other",
            f"moves; {config.heads} heads, with weights for what the move",
            "attacks, uncovers and leaves loose, and for both",
            "sides' attacks after it",
            f"feed-forward {width} → {width * config.widening} → {width}",
        ),
    )
    output = Box(
        646,
        248,
        234,
        133,
        "green",
        "Distribution of each move",
        (f"{width} → {hidden} → {config.bins} bins, softmax",),
    )
    choice = Box(
        646,
        64,
        234,
        116,
        "violet",
        "argmax",
        (
            "exact mates, stalemates and",
            "repetitions replace estimates;",
            "the move with the highest",
            "expected value is played",
        ),
    )
    parts = [
        text(20, 34, f"{shipped_network().stem}: one forward pass per position", "ink title"),
        text(
            880,
            34,
            f"{network.parameter_count:,} parameters, {network.bins.count} bins",
            "faint",
            "end",
        ),
        *(part for box in (board, trunk, moves, decoder, output, choice) for part in box.draw()),
        *histograms(output),
        arrow((board.right, board.middle), (trunk.left, trunk.middle)),
        arrow((moves.right, moves.middle), (decoder.left, decoder.middle)),
        arrow((decoder.right, decoder.middle), (output.left, output.middle)),
        arrow((433, trunk.bottom), (433, decoder.top)),
        text(445, 219, "keys and values of 64 squares", "faint"),
        arrow((330, trunk.bottom), (330, 214), (120, 214), (120, moves.top)),
        text(132, 205, "squares of the move", "faint"),
        arrow((763, output.top), (763, choice.bottom)),
        text(775, 219, "expected values", "faint"),
    ]
    return picture(
        900,
        400,
        f"The network {shipped_network().stem}",
        "A board becomes 64 tokens for a Transformer trunk. All legal moves become tokens that "
        "attend to the trunk's squares in a decoder. Each yields a distribution over bins of win "
        "probability, and the move with the highest expected value is played.",
        parts,
    )


def histograms(output: Box) -> list[str]:
    """Three small distributions, as an illustration."""
    shapes = ((1, 3, 7, 12, 15, 11, 6, 3, 1, 0, 0, 0), (0, 0, 1, 2, 4, 8, 14, 15, 9, 4, 1, 0))
    shapes += ((6, 9, 7, 4, 2, 1, 1, 2, 3, 5, 8, 6),)
    parts = []
    for i, heights in enumerate(shapes):
        left, base = output.left + 14 + 71 * i, output.bottom - 26
        bars = "".join(
            f"M{left + 5.2 * x:g} {base}v{-2.4 * h:g}h4.4v{2.4 * h:g}z"
            for x, h in enumerate(heights)
            if h
        )
        parts.append(f'<path class="bars" d="{bars}"/>')
        parts.append(
            text(left + 31, base + 16, ("worse", "better", "unclear")[i], "faint", "middle")
        )
    return parts


PACKAGES: dict[str, tuple[str, str, dict[str, str]]] = {
    "data_pipeline": (
        "blue",
        "positions to batches",
        {
            "common": "errors, files, intervals",
            "encoding": "chess as numbers",
            "dataset": "records and shards on disk",
            "sources": "PGN, FEN, Lichess, ChessBench",
            "teachers": "Stockfish, exact endings",
            "beam": "records to a dataset",
            "batches": "a dataset to training steps",
        },
    ),
    "model": (
        "orange",
        "batches to a network",
        {
            "config": "every field of a training",
            "overrides": "--set FIELD=VALUE",
            "targets": "what is learned, its losses",
            "network": "Haiku modules, network files",
            "inference": "values of all legal moves",
            "evaluation": "agreement, calibration",
            "training": "optimizer, loop, checkpoints",
        },
    ),
    "engine": (
        "green",
        "values to moves and ratings",
        {
            "networks": "the network that ships",
            "play": "rules and choice of a move",
            "rating": "results to Elo",
            "match": "games between players",
            "measure": "puzzles, speed",
            "report": "charts and pages",
            "review": "games judged move by move",
            "study": "losses and recipes compared",
        },
    ),
    "uci": (
        "violet",
        "for people and GUIs",
        {
            "protocol": "the UCI engine",
            "terminal": "the game in the terminal",
            "board": "the board in the browser",
            "commands": "one module a command",
            "cli": "argmax COMMAND",
        },
    ),
}
"""Package -> colour, what it does, and its sub-packages and modules in order."""


def package_diagram() -> str:
    """The packages as columns; each box may import those above it and those to its left."""
    column, gap, top, row = 206, 12, 78, 44
    parts = [text(20, 34, "Data flows to the right", "ink title")]
    parts.append(arrow((222, 29), (880, 29)))
    for i, (package, (style, summary, rooms)) in enumerate(PACKAGES.items()):
        left = 20 + i * (column + gap)
        parts.append(text(left, top - 20, package, "ink title code"))
        parts.append(text(left, top - 4, summary, "faint"))
        for j, (room, subject) in enumerate(rooms.items()):
            y = top + 8 + j * (row + 6)
            parts.append(rectangle(left, y, column, row, style))
            parts.append(text(left + 12, y + 18, room, "ink code"))
            parts.append(text(left + 12, y + 35, subject, "faint small"))
    longest = max(len(rooms) for _, _, rooms in PACKAGES.values())
    bottom = top + 8 + longest * (row + 6) + 24
    parts.append(text(880, bottom + 5, "Imports run to the left and up", "ink title", "end"))
    parts.append(arrow((620, bottom), (20, bottom)))
    return picture(
        900,
        bottom + 24,
        "The packages of Argmax",
        "Four columns: data_pipeline, model, engine and uci, each with its sub-packages in order. "
        "A sub-package imports only those above it in its column and those in columns to the left.",
        parts,
    )


def diagrams() -> dict[str, str]:
    """File name in docs/ -> its SVG."""
    return {
        "network.svg": network_diagram(load_network(shipped_network())),
        "packages.svg": package_diagram(),
    }


if __name__ == "__main__":
    for name, svg in diagrams().items():
        (DOCS / name).write_text(svg)
        print(DOCS / name)
