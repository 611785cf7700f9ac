"""PGN: splitting files into games, and reading main lines, for all commands that read games.

Text that starts with tags is one game, up to the next tags. Empty lines have no meaning, except
that tags after one may belong to the next game. Text without tags is split after each result. Text
that belongs to no game becomes a game with a fault, so that it is counted.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import chess

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import BrokenFile, numbered_lines
from data_pipeline.dataset.records import PositionRecord
from data_pipeline.encoding.actions import action_of
from data_pipeline.encoding.values import MAX_CENTIPAWNS, mate_score
from data_pipeline.sources.entries import BadEntry, Rejected, Share, playable, unscored

MAX_GAME_BYTES = 1 << 20
STANDARD = ("standard", "chess", "normal", "from position", "")
LONGEST_WORD = 20
"""Most characters of a move with its annotations."""
NULL_MOVES = ("--", "Z0", "0000", "@@@@")
RESULTS = {"1-0": 1.0, "1/2-1/2": 0.5, "0-1": 0.0}
"""White's score for each result of the PGN standard."""

_TAG = re.compile(rb'\s*\[\s*(\w[\w+#=:-]*)\s*"((?:\\.|[^"\\]|"(?!\s*\]))*)"\s*\]')
_UNCLOSED_TAG = re.compile(rb'\s*\[\s*(\w[\w+#=:-]*)\s*"(.*)')
_BARE_TAG = re.compile(rb'\s*\[\s*(\w[\w+#=:-]*)\s+([^\[\]"{}%]*)\]\s*$')
_TAG_START = re.compile(rb'\[\s*\w[\w+#=:-]*\s*"')
_TAG_NAMES = {
    name.lower(): name
    for name in (
        *("Event", "Site", "Date", "Round", "White", "Black", "Result", "FEN", "SetUp", "Variant"),
        *("WhiteElo", "BlackElo"),
    )
}
"""Tags that are known in any spelling of their case."""
_COMMENT_EDGE = re.compile(rb"[{};]")
_EVAL = re.compile(r"\[%eval\s+(?:#(-?\d+)|(-?\d+(?:\.\d+)?))")
_DASH = r"\s*[-:\u2010-\u2014\u2212]\s*"
_WINS = rf"1{_DASH}0|0{_DASH}1"
_DRAWS = rf"1/2{_DASH}1/2|\u00bd{_DASH}\u00bd|0[.,]5{_DASH}0[.,]5|1/2|\u00bd|=-="
_RESULT = re.compile(rf"(?:(?<=^)|(?<=[\s)}}]))(?:{_WINS}|{_DRAWS}|\*)(?![^\s;{{}}()])")
_TOKEN = re.compile(
    rf"(?P<comment>\{{[^}}]*(?:\}}|$)|;[^\n]*)|(?P<open>\()|(?P<close>\))|(?P<glyph>\$\d+)"
    rf"|(?P<result>{_RESULT.pattern})|(?P<number>\d+\s*[.\u2026]+|(?!0000)\d+(?![^\s;{{}}()]))"
    r"|(?P<word>[^\s{}();$]+(?:\([QRBNqrbn]\))?)|(?P<wrong>\S)"
)
_MARKS = re.compile(r"(?:e\.?p\.?)?[^\w*]*$")
_PROMOTION = re.compile(r"=?[/(]([QRBNqrbn])\)?")
_PIECES = {"K": "♔♚", "Q": "♕♛", "R": "♖♜", "B": "♗♝", "N": "♘♞", "": "♙♟\ufe0e"}
_FIGURINES = str.maketrans({mark: letter for letter, marks in _PIECES.items() for mark in marks})
"""Pieces as figures to letters, as in ♘f3."""
_IGNORED = re.compile(r"\W*|e\.?p\.?|[ND]")


@dataclass(frozen=True)
class Game:
    """The text of one game."""

    line: int
    """The line number at which it starts."""
    tags: dict[str, str]
    movetext: str
    """Without empty lines."""
    fault: str = ""
    """Why it cannot be used, or empty."""

    @property
    def result(self) -> str | None:
        """The result, as in `RESULTS`, from its tag or else its movetext; None if there is none."""
        return result_word(self.tags.get("Result", "")) or self._last_result()

    def text(self) -> str:
        """PGN from which every reader reads exactly this game."""
        tags = dict(self.tags)
        if tags.get("FEN"):
            tags["FEN"] = playable(tags["FEN"]).board.fen()
        lines = []
        for name, value in tags.items():
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'[{name} "{quoted}"]')
        return "\n".join((*lines, "", self.movetext, ""))

    def _last_result(self) -> str | None:
        if not _RESULT.search(self.movetext):
            return None
        words = [token.text for token in main_line(self.movetext) if token.kind == "result"]
        return result_word(words[-1]) if words else None


class Token(NamedTuple):
    """A token of movetext, and the offset at which it starts."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True)
class MainLine:
    """The moves of a game's main line."""

    start: chess.Board
    moves: tuple[chess.Move, ...]
    comments: tuple[str, ...]
    """Comments before the first move, and after each move."""
    clocks: bool = True
    """Whether the clocks of ``start`` are known."""
    mended: tuple[str, ...] = ()
    """Corrections in the FEN of its tag; see `fen.Fen`."""


def result_word(text: str) -> str | None:
    """A result in any spelling (``½-½``, ``0.5-0.5``, ``1 - 0``) -> that of the PGN standard."""
    text = text.strip()
    if re.fullmatch(_DRAWS, text):
        return "1/2-1/2"
    if re.fullmatch(_WINS, text):
        return "1-0" if text.startswith("1") else "0-1"
    return None


@dataclass
class _Open:
    """The game that is being read."""

    line: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    moves: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0
    comment: bytes = b""
    """A brace if the text so far ends inside a comment."""

    def is_ended_by(self, name: str, after_empty: bool) -> bool:
        """Whether a tag with this name belongs to the next game."""
        if self.moves or self.size > MAX_GAME_BYTES or not self.tags:
            return bool(self.moves or self.tags)
        if after_empty:
            return name in self.tags or name == "Event" or "Result" in self.tags
        return name == next(iter(self.tags))

    def add_moves(self, number: int, text: bytes) -> None:
        self.line = self.line or number
        self.comment = _comment_at_end(text, self.comment).removesuffix(b";")
        if self.size <= MAX_GAME_BYTES:
            self.moves.append((number, text))

    def games(self) -> Iterator[Game]:
        """The game, and the text after its result."""
        if not self.tags and not self.moves:
            return
        text = b"\n".join(text for _, text in self.moves)
        if self.size > MAX_GAME_BYTES or b"\0" in text:
            yield Game(self.line, self.tags, "", "NUL byte or overlong game")
            return
        movetext = _decoded(text)
        yield Game(self.line, self.tags, movetext[: (ends := _ends(movetext))[0]].strip())
        row = movetext.count("\n", 0, ends[0])
        for start, end in itertools.pairwise(ends):
            part = movetext[start:end].strip()
            stray = self.tags and not re.match(r"1\b", part)
            yield Game(self.moves[row][0], {}, part, "text outside a game" if stray else "")
            row += movetext.count("\n", start, end)


def split_games(lines: Iterable[tuple[int, bytes]]) -> Iterator[Game]:
    """Numbered lines -> games, in the order of the file; see the module's docstring.

    For a game longer than MAX_GAME_BYTES only the tags are kept.
    """
    game, after_empty = _Open(), False
    for number, line in lines:
        rest = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not rest or rest.startswith(b"%"):
            after_empty = after_empty or not rest
            continue
        game.size += len(line) + 1
        while rest:
            comment = b"" if after_empty else game.comment
            tag = None if comment else _tag_at(rest, bare=not game.moves)
            if tag is None:
                end = _start_of_tags(rest, comment)
                game.add_moves(number, rest[:end])
                rest = rest[end:]
            else:
                name: str = tag[1].decode("ascii", "replace")
                name = _TAG_NAMES.get(name.lower(), name)
                if game.is_ended_by(name, after_empty):
                    yield from game.games()
                    game = _Open(size=len(line) + 1)
                game.line = game.line or number
                game.comment = b""
                if game.size <= MAX_GAME_BYTES:
                    game.tags[name] = _tag_value(tag)
                rest = rest[tag.end() :].strip()
            after_empty = False
    yield from game.games()


def _tag_at(text: bytes, bare: bool) -> re.Match | None:
    if not text.startswith(b"["):
        return None
    return (
        _TAG.match(text) or _UNCLOSED_TAG.match(text) or (_BARE_TAG.match(text) if bare else None)
    )


def games_of(paths: Sequence[Path]) -> Iterator[Game]:
    """The games of PGN files, plain or compressed.

    Raises InputError if there is no file, or one is missing or cannot be read to its end.
    """
    if not paths:
        raise InputError("expected at least one PGN file, found none")
    for path in paths:
        if not path.is_file():
            raise InputError(f"expected a PGN file at {path}, found none")
    for path in paths:
        yield from split_games(numbered_lines(path))


def _tag_value(tag: re.Match) -> str:
    value = _decoded(tag[2]).strip()
    if tag.re is _UNCLOSED_TAG:
        value = value.removesuffix("]").removesuffix('"')
    return value.replace('\\"', '"').replace("\\\\", "\\")


def _start_of_tags(text: bytes, comment: bytes) -> int:
    """The offset at which tags begin in a line of movetext; its length if there are none."""
    at = 0
    for found in _TAG_START.finditer(text) if b"[" in text else ():
        comment = _comment_at_end(text[at : found.start()], comment)
        at = found.start()
        if at and not comment:
            return at
    return len(text)


def _comment_at_end(text: bytes, comment: bytes) -> bytes:
    """What opened the comment that is open after a piece of a line, given what was open before it:
    a brace, a semicolon, or nothing."""
    for found in _COMMENT_EDGE.finditer(text):
        edge = found[0]
        if comment == b"{":
            comment = b"" if edge == b"}" else comment
        elif not comment and edge != b"}":
            comment = edge
    return comment


def _decoded(text: bytes) -> str:
    """UTF-8, or else Latin-1, as in older files."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _ends(movetext: str) -> list[int]:
    """The offsets at which the games of a movetext end: where moves follow a result, and its
    end."""
    ends, ended = [], False
    first = _RESULT.search(movetext)
    if first is not None and movetext[first.end() :].strip():
        for token in main_line(movetext):
            if ended and token.kind in ("word", "number"):
                ends.append(token.start)
                ended = False
            ended = ended or token.kind == "result"
    return [*ends, len(movetext)]


def main_line(movetext: str) -> Iterator[Token]:
    """The tokens of movetext, without variations; one of kind ``wrong`` is not PGN."""
    depth = 0
    for found in _TOKEN.finditer(movetext):
        kind = str(found.lastgroup)
        if found[0].startswith("{") and not found[0].endswith("}"):
            kind = "wrong"
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
            if depth < 0:
                yield Token("wrong", found[0], found.start())
                depth = 0
        elif not depth:
            yield Token(kind, found[0], found.start())
    if depth:
        yield Token("wrong", "(", len(movetext))


def read_main_line(game: Game) -> MainLine:
    """The moves of a game. Raises BadEntry if it has a fault, is not standard chess, or has an
    illegal move or a null move."""
    if game.fault:
        raise BadEntry(game.fault)
    if game.tags.get("Variant", "").lower() not in STANDARD:
        raise BadEntry("variant")
    found = playable(game.tags.get("FEN") or chess.STARTING_FEN)
    board, start = found.board.copy(), found.board
    moves: list[chess.Move] = []
    comments = [""]
    for token in main_line(game.movetext):
        if token.kind == "wrong":
            raise BadEntry("unreadable movetext")
        if token.kind == "comment":
            text = token.text.removeprefix(";").removeprefix("{").removesuffix("}")
            comments[-1] = " ".join((*comments[-1].split(), *text.split()))
        elif token.kind == "word" and (move := _move(board, token.text)):
            board.push(move)
            moves.append(move)
            comments.append("")
    if not game.tags and not moves:
        raise BadEntry("no moves")
    if moves and not game.tags.get("FEN") and _first_number(game.movetext) > 1:
        raise BadEntry("first moves missing")
    clocks = found.fullmove_number is not None
    return MainLine(start, tuple(moves), tuple(comments), clocks, found.mended)


def _first_number(movetext: str) -> int:
    """The number of the first move; 1 if it has none."""
    first = next((t for t in main_line(movetext) if t.kind in ("number", "word")), None)
    digits = re.match(r"\d{1,9}", first.text) if first and first.kind == "number" else None
    return int(digits[0]) if digits else 1


def _move(board: chess.Board, word: str) -> chess.Move | None:
    """A word of movetext -> its move; None for annotations. Raises BadEntry."""
    if len(word) > LONGEST_WORD:
        raise BadEntry("unreadable movetext")
    if word in NULL_MOVES:
        raise BadEntry("null move")
    if _IGNORED.fullmatch(word):
        return None
    san = _PROMOTION.sub(r"=\1", word.translate(_FIGURINES), count=1)
    san = _MARKS.sub("", san)
    san = san.upper() if san.lower().startswith("o-o") else san
    if not san[:1].isalnum() or not re.fullmatch(r"[\w=-]+", san):
        raise BadEntry("unreadable movetext")
    try:
        move = board.parse_san(san)
    except ValueError:
        raise BadEntry("illegal move") from None
    if not move:
        raise BadEntry("null move")
    return move


def read_pgn(path: str, share: Share) -> Iterator[PositionRecord | Rejected]:
    """PGN, plain or compressed: a record without scored moves for each position of each main line.

    An ``[%eval]`` comment (White's point of view) follows a move and scores the position after it.
    """
    line = 0
    try:
        for number, game in enumerate(split_games(numbered_lines(path, share.read_to))):
            line = game.line
            if not share.has(number):
                continue
            try:
                played = read_main_line(game)
            except BadEntry as bad:
                yield Rejected(path, line, str(bad), start_of_text(game))
                continue
            share.mended.update(played.mended)
            yield from positions_of(played)
    except BrokenFile as broken:
        if share.part == 0:
            yield Rejected(path, line, broken.reason, broken.detail)


def start_of_text(game: Game) -> str:
    """The first 200 characters of a game, on one line."""
    tags = (f'[{name} "{value}"]' for name, value in game.tags.items())
    return " ".join((*tags, *game.movetext[:200].split()))[:200]


def positions_of(played: MainLine) -> Iterator[PositionRecord]:
    """A record for each position, with the move played in it, if any."""
    board = played.start.copy()
    for comment, move in zip(played.comments, (*played.moves, None), strict=True):
        if move is None and not any(board.legal_moves):
            return
        score = _state_score(comment, board.turn)
        action = None if move is None else action_of(move)
        yield unscored(board, clocks=played.clocks, state_score=score, played=action)
        if move is not None:
            board.push(move)


def _state_score(comment: str, turn: chess.Color) -> int | None:
    """The score of an ``[%eval]`` for the side to move; None if there is none."""
    found = _EVAL.search(comment)
    if found is None:
        return None
    mate, pawns = found.groups()
    if mate and not int(mate[:6]):
        return None  # the game is over
    score = mate_score(int(mate[:6])) if mate else round(100 * min(float(pawns[:12]), 1e6))
    if not mate:
        score = max(-MAX_CENTIPAWNS, min(MAX_CENTIPAWNS, score))
    return score if turn == chess.WHITE else -score
