"""The games of a match as PGN: appended one by one, and read back to resume the match."""

import codecs
import datetime
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import chess
import chess.pgn

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import lock, numbered_lines, write_atomically
from data_pipeline.sources.entries import BadEntry
from data_pipeline.sources.pgn import RESULTS as SCORES
from data_pipeline.sources.pgn import Game, main_line, read_main_line, split_games
from engine.match.game import GameRecord, Pairing
from engine.match.options import TimeControl

RESULTS = {score: text for text, score in SCORES.items()}
MOVE_TIME = re.compile(r"(\d+\.\d+)s")
MATCH, LADDER = "Argmax match", "Argmax ladder"
"""Values of the PGN tag Event."""
_LINE = re.compile(r'^\[(\w+) "(.*)"\]$', re.MULTILINE)


def to_pgn(record: GameRecord, event: str, date: datetime.date, control: TimeControl | None) -> str:
    """One game as PGN text with a blank line at the end; each move's time is in a comment."""
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
    """Append one game to a PGN file and flush it to disk."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Keep other matches and ladders from writing to ``path``; None stands for no file.

    Raises InputError if another process holds the lock, or if the path cannot be a file.
    """
    if path is None or (path.exists() and not path.is_file() and not path.is_dir()):  # /dev/null
        yield
        return
    target = path.resolve()
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(f"expected a file to write games to as --pgn, found no place for {path}")
    with lock(target.with_name(f".{target.name}.lock"), f"write games to {path}"):
        yield


def resume(path: Path, schedule: Sequence[Pairing], event: str = MATCH) -> list[GameRecord]:
    """The games of this match that ``path`` already has; a truncated last game is removed.

    Raises InputError, and does not change the file, if it has anything else.
    """
    if not path.is_file():
        return []
    data = path.read_bytes()
    _check_text(data, path)
    games = list(split_games(numbered_lines(path)))
    by_key = {pairing.key: pairing for pairing in schedule}
    kept = data
    if games and not _is_whole(games[-1]):
        lines = data.split(b"\n")
        rest = b"\n".join(lines[games[-1].line - 1 :]).decode("utf-8", "replace")
        if _is_cut_off(rest, by_key, event) and not _has_more(games[-1]):
            kept = b"".join(line + b"\n" for line in lines[: games[-1].line - 1])
            games.pop()
    records = [_record(game, by_key, path) for game in games]
    keys = [record.pairing.key for record in records]
    if len(set(keys)) < len(keys):
        raise InputError(f"expected every game once in {path}, found one twice; give another --pgn")
    kept = kept.rstrip() + b"\n\n" if kept.strip() else b""
    if kept != data:
        write_atomically(path.resolve(), kept)
    return records


def _check_text(data: bytes, path: Path) -> None:
    """Raise InputError for a file that text cannot be appended to: compressed, or in another
    encoding than UTF-8. It may end within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        raise InputError(
            f"expected games of this match as UTF-8 text in {path}, found other data; give another "
            "--pgn"
        ) from None


def players_met(path: Path) -> set[frozenset[str]]:
    """The pairs of players in the complete games of a file; empty if there is no file."""
    if not path.is_file():
        return set()
    games = filter(_is_whole, split_games(numbered_lines(path)))
    return {frozenset((game.tags.get("White", ""), game.tags.get("Black", ""))) for game in games}


def _is_whole(game: Game) -> bool:
    """Whether the movetext ends with the result in the tags, as in games that we wrote."""
    tokens = [] if game.fault else list(main_line(game.movetext))
    last = tokens[-1] if tokens else None
    return last is not None and last.kind == "result" and last.text == game.tags.get("Result")


def _has_more(game: Game) -> bool:
    """Whether the movetext goes on after a result, which a truncated game never does."""
    kinds = [token.kind for token in main_line(game.movetext)]
    return "result" in kinds[:-1]


def _is_cut_off(text: str, by_key: dict[str, Pairing], event: str) -> bool:
    """Whether the text is the start of a game of this match, truncated when a process was
    killed."""
    tags = dict(_LINE.findall(text))
    pairing = by_key.get(tags.get("Round", ""))
    if pairing is None:
        head = f'[Event "{event}"]\n[Site "?"]\n[Date "'
        return "Round" not in tags and (text.startswith(head) or head.startswith(text))
    names = {"White": pairing.white, "Black": pairing.black}
    return all(_unescaped(tags.get(side, name)) == name for side, name in names.items())


def _unescaped(value: str) -> str:
    return value.replace('\\"', '"').replace("\\\\", "\\")


def _record(game: Game, by_key: dict[str, Pairing], path: Path) -> GameRecord:
    tags = game.tags
    names = tags.get("White", "?"), tags.get("Black", "?")
    pairing = by_key.get(tags.get("Round", ""))
    try:
        played = read_main_line(game) if _is_whole(game) else None
    except BadEntry:
        played = None
    if (
        played is None
        or pairing is None
        or (*names, played.start.fen()) != (pairing.white, pairing.black, pairing.fen)
    ):
        raise InputError(
            f"expected games of this match in {path}, found {path}:{game.line}: round "
            f"{tags.get('Round', '?')}, {names[0]} - {names[1]}; give another --pgn, or the "
            "players, openings and seed again"
        )
    times = [MOVE_TIME.match(comment) for comment in played.comments[1:]]
    fault = tags.get("Fault", "").split(": ")
    return GameRecord(
        pairing,
        played.moves,
        tuple(float(found[1]) if found else 0.0 for found in times),
        SCORES[tags["Result"]],
        tags.get("Termination", "normal"),
        played.comments[-1].rpartition("s, ")[2],
        (fault[0], fault[1]) if len(fault) == 2 else None,
    )
