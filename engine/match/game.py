"""One game between two players: moves, clocks, adjudication, engine faults."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import chess
import chess.engine

from engine.match.options import Adjudication, TimeControl
from engine.match.players import Player
from engine.match.uci_client import EngineFault, ExternalPlayer


@dataclass(frozen=True)
class Pairing:
    """One scheduled game. ``key``, unique in its match, is pairing.opening.game."""

    key: str
    number: int
    white: str
    black: str
    fen: str


@dataclass(frozen=True)
class GameRecord:
    """A finished game. ``score`` is White's; ``termination`` is the value of the PGN tag;
    ``reason`` is for people to read; ``fault``: (player, kind) if an engine failed."""

    pairing: Pairing
    moves: tuple[chess.Move, ...]
    times_s: tuple[float, ...]
    score: float
    termination: str
    reason: str
    fault: tuple[str, str] | None = None

    def points_of(self, player: str) -> float:
        """The player's score: 1, 0.5 or 0."""
        return self.score if self.pairing.white == player else 1 - self.score


@dataclass
class _State:
    """The state of a running game."""

    board: chess.Board
    clock_s: dict[chess.Color, float] = field(default_factory=dict)
    times_s: list[float] = field(default_factory=list)
    judged_cp: list[int] = field(default_factory=list)


class Stopped(Exception):
    """The match was interrupted during this game."""


def play_game(
    pairing: Pairing,
    white: Player,
    black: Player,
    adjudication: Adjudication,
    control: TimeControl | None = None,
    judge: ExternalPlayer | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> GameRecord:
    """Play one game to its end. Raises Stopped if ``stopped()`` is true between two moves."""
    state = _State(chess.Board(pairing.fen))
    if control:
        state.clock_s = dict.fromkeys(chess.COLORS, control.base_s)
    for player in filter(None, (white, black, judge)):
        player.new_game(pairing.number)
    while (verdict := _verdict(state, adjudication, judge)) is None:
        if stopped():
            raise Stopped
        mover = state.board.turn
        fault = _move(state, white if mover == chess.WHITE else black, control)
        if fault is not None:
            kind, message = fault
            name = pairing.white if mover == chess.WHITE else pairing.black
            verdict = (0.0 if mover == chess.WHITE else 1.0, FAULT_TERMINATION[kind], message)
            return _record(pairing, state, verdict, (name, kind))
    return _record(pairing, state, verdict)


FAULT_TERMINATION = {
    "crash": "abandoned",
    "illegal move": "rules infraction",
    "time loss": "time forfeit",
}


def _record(pairing: Pairing, state: _State, verdict, fault=None) -> GameRecord:
    moves = tuple(state.board.move_stack)
    return GameRecord(pairing, moves, tuple(state.times_s[: len(moves)]), *verdict, fault=fault)


def _move(state: _State, player: Player, control: TimeControl | None) -> tuple[str, str] | None:
    """Ask for a move and play it. Returns (kind, message) if the engine failed."""
    board = state.board
    limit = _clocks(state, control)
    start = time.perf_counter()
    try:
        move = player.play(board, limit)
    except EngineFault as fault:
        return fault.kind, str(fault)
    elapsed = time.perf_counter() - start
    if control:
        state.clock_s[board.turn] -= elapsed
        if state.clock_s[board.turn] < 0:
            return "time loss", "the flag fell"
        state.clock_s[board.turn] += control.increment_s
    if not board.is_legal(move):
        return "illegal move", f"{move.uci()} in {board.fen()}"
    board.push(move)
    state.times_s.append(elapsed)
    return None


def _clocks(state: _State, control: TimeControl | None) -> chess.engine.Limit | None:
    if control is None:
        return None
    return chess.engine.Limit(
        white_clock=state.clock_s[chess.WHITE],
        black_clock=state.clock_s[chess.BLACK],
        white_inc=control.increment_s,
        black_inc=control.increment_s,
    )


def _verdict(
    state: _State, adjudication: Adjudication, judge: ExternalPlayer | None
) -> tuple[float, str, str] | None:
    """(White's score, termination, reason) once the game is over."""
    found = rules_verdict(state.board)
    if found is not None:
        return found[0], "normal", found[1]
    played = len(state.board.move_stack)
    if played >= 2 * adjudication.max_moves:
        return 0.5, "adjudication", f"draw after {adjudication.max_moves} moves"
    if judge is not None and played and played % 2 == 0:
        state.judged_cp.append(judge.score_cp(state.board))
        return judged_verdict(state.judged_cp, state.board.fullmove_number, adjudication)
    return None


def rules_verdict(board: chess.Board) -> tuple[float, str] | None:
    """(White's score, reason) if the rules end the game. A draw by threefold repetition or the
    50-move rule is claimed at once."""
    if not any(board.generate_legal_moves()):
        if not board.is_check():
            return 0.5, "stalemate"
        return (0.0, "Black mates") if board.turn == chess.WHITE else (1.0, "White mates")
    if board.is_insufficient_material():
        return 0.5, "insufficient material"
    if board.halfmove_clock >= 100:
        return 0.5, "50-move rule"
    if board.halfmove_clock >= 4 and board.is_repetition(3):
        return 0.5, "threefold repetition"
    return None


def judged_verdict(
    scores_cp: list[int], move_number: int, rule: Adjudication
) -> tuple[float, str, str] | None:
    """The result, if the judge's scores (White's point of view, one per move) decide the game."""
    recent = scores_cp[-rule.win_checks :]
    if len(recent) == rule.win_checks:
        if all(score >= rule.win_cp for score in recent):
            return 1.0, "adjudication", "White wins by the judge's score"
        if all(score <= -rule.win_cp for score in recent):
            return 0.0, "adjudication", "Black wins by the judge's score"
    level = scores_cp[-rule.draw_checks :]
    quiet = len(level) == rule.draw_checks and all(abs(score) <= rule.draw_cp for score in level)
    if quiet and move_number >= rule.draw_after_move:
        return 0.5, "adjudication", "draw by the judge's score"
    return None
