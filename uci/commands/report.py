"""Write a network's metrics and example positions as one self-contained HTML page.

Sections are optional: --data adds agreement, calibration and the worst mistakes, --puzzles the
solve rate, --ladder the rating, --log the learning curve.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class Args:
    out: Path
    """The directory of the page, index.html."""
    network: Path | None = None
    """The network file (default: the shipped one)."""
    data: Path | None = None
    """A dataset directory; the network is evaluated on its test split."""
    positions: PositiveInt | None = None
    """Use only this many of its positions."""
    puzzles: tuple[Path, ...] = ()
    """Lichess puzzle files to solve."""
    limit: PositiveInt | None = None
    """Solve only this many puzzles."""
    ladder: Path | None = None
    """A file with the output of 'argmax ladder --json'."""
    log: Path | None = None
    """The metrics.jsonl of the training run."""
    mistakes: NonNegativeInt = 6
    """Number of worst mistakes to show."""


def run(args: Args) -> int:
    """Evaluate, and write the page."""
    from data_pipeline.common.files import write_atomically
    from engine.play import load_engine
    from engine.play.engine import require_win_probs
    from engine.report.page import page

    given = _ladder(args.ladder), _learning(args.log)
    engine = load_engine(args.network)
    require_win_probs(engine.predictor)
    network = engine.predictor.network  # pyright: ignore[reportAttributeAccessIssue]
    content = page(f"The network {network.name}", _sections(args, engine, network, *given))
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "index.html"
    write_atomically(path, content.encode())
    say(f"{path}: {len(content) / 2**20:.1f} MiB", file=sys.stderr)
    return 0


def _sections(args: Args, engine, network, ladder: str, learning: str):
    """The sections of the page, as they are computed."""
    import chess

    from engine.report import sections

    if args.puzzles:
        yield sections.puzzles(_puzzles(args, engine))
    yield ladder
    mistakes = None
    if args.data:
        figures, mistakes = _quality(args.data, args, engine)
        yield sections.quality(figures)
    yield learning
    boards = [chess.Board(fen) for _, fen in sections.GALLERY]
    titles = (title for title, _ in sections.GALLERY)
    yield sections.gallery(list(zip(titles, engine.analyse_many(boards), strict=True)))
    if mistakes:
        yield sections.mistakes(mistakes)
    yield sections.card(network)


def _puzzles(args: Args, engine) -> dict:
    from data_pipeline.common.terminal import progress_bar
    from engine.measure.puzzle_summary import summary
    from engine.measure.puzzles import read_puzzles, solve

    puzzles, _ = read_puzzles(args.puzzles, args.limit)
    with progress_bar("puzzles", len(puzzles)) as advance:
        return summary(solve(puzzles, engine, progress=advance)[0])


def _quality(data: Path, args: Args, engine) -> tuple[dict, list]:
    """The metrics, and the worst mistakes as pairs of record and analysis by the network alone."""
    from data_pipeline.common.terminal import progress_bar
    from data_pipeline.dataset.records import decode
    from engine.play.engine import SearchlessEngine
    from engine.report.sections import worst
    from model.evaluation.evaluate import measure, summary
    from uci.commands.evaluate import read_split

    encoded = read_split(data, "test", args.positions)
    with progress_bar("positions", len(encoded)) as advance:
        figures, calibration = measure(encoded, engine.predictor, advance)
    indices = [int(figures.position[i]) for i in worst(figures.regret, args.mistakes)]
    records = [decode(encoded[index]) for index in indices]
    bare = SearchlessEngine(engine.predictor, rules=False)
    analyses = bare.analyse_many([record.board for record in records])
    return summary(figures, calibration), list(zip(records, analyses, strict=True))


NOT_THAT = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""Errors from a file with other contents."""


def _ladder(path: Path | None) -> str:
    """The section of the rating. Raises InputError for any other file."""
    from data_pipeline.common.errors import InputError
    from engine.report import sections

    try:
        return sections.ladder(json.loads(path.read_bytes())) if path else ""
    except OSError as error:
        raise InputError(f"expected a file at {path}: {error.strerror}") from None
    except NOT_THAT:
        raise InputError(f"expected what 'argmax ladder --json' prints in {path}") from None


def _learning(path: Path | None) -> str:
    """The section of the learning curve. Raises InputError for any other file."""
    from data_pipeline.common.errors import InputError
    from engine.report import sections

    try:
        lines = path.read_text("utf-8").splitlines() if path else []
        return sections.learning([json.loads(line) for line in lines]) if path else ""
    except OSError as error:
        raise InputError(f"expected a file at {path}: {error.strerror}") from None
    except NOT_THAT:
        raise InputError(f"expected the metrics.jsonl of a training in {path}") from None
