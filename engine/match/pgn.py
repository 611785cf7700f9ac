"""A match's games as PGN: written game by game, read back to go on or to rate."""

import datetime
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import chess
import chess.pgn

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import write_atomically
from engine.match.game import GameRecord, Pairing, TimeControl
from engine.rating.elo import Result

RESULTS = {1.0: "1-0", 0.5: "1/2-1/2", 0.0: "0-1"}
MOVE_TIME = re.compile(r"(\d+\.\d+)s")
SCORES = {text: score for score, text in RESULTS.items()}


def to_pgn(record: GameRecord, event: str, date: datetime.date, control: TimeControl | None) -> str:
    """One game as PGN text that ends with an empty line; each move's time as a comment."""
    pairing = record.pairing
    game = chess.pgn.Game()
    game.headers["Event"] = event
    game.headers["Site"] = "?"
    game.headers["Date"] = date.strftime("%Y.%m.%d")
    game.headers["Round"] = pairing.key
    game.headers["White"], game.headers["Black"] = pairing.white, pairing.black
    game.headers["Result"] = RESULTS[record.score]
    game.setup(pairing.fen)
    game.headers["PlyCount"] = str(len(record.moves))
    game.headers["Termination"] = record.termination
    if record.fault is not None:
        game.headers["Fault"] = ": ".join(record.fault)
    if control is not None:
        game.headers["TimeControl"] = f"{control.base_s:g}+{control.increment_s:g}"
    node: chess.pgn.GameNode = game
    for move, seconds in zip(record.moves, record.times_s, strict=True):
        node = node.add_variation(move)
        node.comment = f"{seconds:.4f}s"
    node.comment = ", ".join(filter(None, [node.comment, record.reason]))
    return game.accept(chess.pgn.StringExporter(columns=100)) + "\n\n"


def append_game(path: Path, text: str) -> None:
    """Add one game to a PGN file and see it safely there."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def resume(path: Path, schedule: list[Pairing]) -> list[GameRecord]:
    """The games of this match that ``path`` already holds; a game that was cut off is removed.

    Raises InputError where the file holds games of another match.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    kept = whole_games(text)
    if kept != text:
        write_atomically(path, kept.encode())
    by_key = {pairing.key: pairing for pairing in schedule}
    records = [_record(game, by_key, path) for game in read_games(io.StringIO(kept))]
    keys = [record.pairing.key for record in records]
    if len(set(keys)) < len(keys):
        raise InputError(f"expected every game once in {path}, found one twice; give another --pgn")
    return records


def whole_games(text: str) -> str:
    """The text up to the end of its last complete game (a result, then an empty line)."""
    ends = [found.end() for found in re.finditer(r"\s(1-0|0-1|1/2-1/2|\*)\n\n", text)]
    return text[: ends[-1]] if ends else ""


def read_games(stream) -> Iterator[chess.pgn.Game]:
    """The games of an open PGN file, one by one."""
    while (game := chess.pgn.read_game(stream)) is not None:
        yield game


def _record(game: chess.pgn.Game, by_key: dict[str, Pairing], path: Path) -> GameRecord:
    headers = game.headers
    pairing = by_key.get(headers["Round"])
    found = (headers["White"], headers["Black"], game.board().fen())
    if pairing is None or found != (pairing.white, pairing.black, pairing.fen):
        raise InputError(
            f"expected games of this match in {path}, found round {headers['Round']}, "
            f"{found[0]} - {found[1]}; give another --pgn, or the players, openings and seed again"
        )
    nodes = list(game.mainline())
    times = [MOVE_TIME.match(node.comment) for node in nodes]
    fault = headers.get("Fault", "").split(": ")
    return GameRecord(
        pairing,
        tuple(node.move for node in nodes),
        tuple(float(found[1]) if found else 0.0 for found in times),
        SCORES[headers["Result"]],
        headers.get("Termination", "normal"),
        game.end().comment.rpartition("s, ")[2],
        (fault[0], fault[1]) if len(fault) == 2 else None,
    )


def read_results(paths: list[Path]) -> tuple[list[Result], int]:
    """The finished games of PGN files, by their headers alone, and how many had no result.

    Raises InputError where there is no finished game.
    """
    results, unfinished = [], 0
    for path in paths:
        if not path.exists():
            raise InputError(f"expected a PGN file at {path}, found none")
        with open(path, encoding="utf-8", errors="replace") as file:
            while (headers := chess.pgn.read_headers(file)) is not None:
                score = SCORES.get(headers.get("Result", "*"))
                if score is None:
                    unfinished += 1
                    continue
                white, black = headers.get("White", "?"), headers.get("Black", "?")
                results.append(Result(white, black, score, headers.get("FEN", "")))
    if not results:
        raise InputError(
            f"expected finished games in {', '.join(map(str, paths))}, found none"
            + (f" ({unfinished} without a result)" if unfinished else "")
        )
    return results, unfinished
