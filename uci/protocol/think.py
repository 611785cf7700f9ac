"""From ``go`` to ``bestmove``: one analysis, formatted as UCI."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import chess

from data_pipeline.common.errors import InputError
from engine.play.analysis import Analysis
from engine.play.engine import Oracle, SearchlessEngine
from engine.play.move_choice import Choice
from engine.play.rules import CHECKMATE
from engine.play.strength import StrengthCurve
from model.inference.action_values import ActionValues
from model.inference.board_predictor import limit_threads
from uci.protocol.options import Options
from uci.protocol.positions import parse_move
from uci.protocol.protocol import Go, render_bestmove, render_info, render_string


@dataclass(frozen=True)
class Loaded:
    """A network that is ready to play, and its strength curve (None: not measured)."""

    predictor: ActionValues
    curve: StrengthCurve | None = None


@dataclass(frozen=True)
class Request:
    """A ``go`` with the position and the options at that time."""

    go: Go
    board: chess.Board
    options: Options
    seed: int
    elapsed_ms: Callable[[], int]  # since ``go``


@dataclass(frozen=True)
class Answer:
    """The lines for a ``go``: bestmove, the ``info`` block before it, and notes written once."""

    bestmove: str
    block: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def choice_for(options: Options, curve: StrengthCurve | None) -> Choice:
    """The choice of moves for these options.

    With UCI_AnalyseMode it is the network's best move, without risk, contempt or temperature.
    UCI_LimitStrength replaces Temperature and Temperature Moves.
    """
    if options.analyse_mode:
        return Choice()
    temperature, moves = options.temperature_win_prob, options.temperature_moves
    if options.limit_strength and curve:
        temperature, moves = curve.temperature(options.elo), 0
    return Choice(temperature, options.risk_quantile, options.contempt_win_prob, moves)


def think(request: Request, loaded: Loaded, tablebase: Oracle | None) -> Answer:
    """The answer to a ``go``."""
    board, options = request.board, request.options
    if not any(board.legal_moves):
        mate = "mate 0" if board.is_check() else "cp 0"
        info = render_info({"depth": 0, "score": mate, "time": request.elapsed_ms()})
        return Answer(render_bestmove(None), (info,))
    moves, problems = root_moves(board, request.go.searchmoves)
    if options.limit_strength and not loaded.curve:
        problems.insert(0, "UCI_LimitStrength: this network's strength was not measured")
    engine = SearchlessEngine(
        loaded.predictor,
        rules=options.rules,
        choice=choice_for(options, loaded.curve),
        tablebase=tablebase,
        # The same seed and the same move of the game give the same choice.
        seed=(request.seed, len(board.move_stack)),
    )
    limit_threads(options.threads)
    analysis = engine.analyse(board, moves)
    best = engine.choose(analysis)
    reply = _reply(engine, board, best) if options.ponder else None
    return Answer(
        render_bestmove(best.uci(), reply.uci() if reply else None),
        tuple(report(analysis, best, reply, options, request.elapsed_ms())),
        tuple(map(render_string, problems)),
    )


def root_moves(
    board: chess.Board, searchmoves: Sequence[str]
) -> tuple[list[chess.Move], list[str]]:
    """The legal moves among ``searchmoves`` (all moves if there are none), and error messages."""
    wanted, problems = [], []
    for text in searchmoves:
        try:
            wanted.append(parse_move(board, text))
        except InputError as error:
            problems.append(f"searchmoves: {error}")
    return list(dict.fromkeys(wanted)) or list(board.legal_moves), problems


def _reply(engine: SearchlessEngine, board: chess.Board, move: chess.Move) -> chess.Move | None:
    """The network's best reply, as the move to ponder on."""
    after = board.copy()
    after.push(move)
    return engine.analyse(after).best if any(after.legal_moves) else None


def report(
    analysis: Analysis,
    best: chess.Move,
    reply: chess.Move | None,
    options: Options,
    elapsed_ms: int,
) -> Iterator[str]:
    """An ``info`` line for the chosen move, or with MultiPV for the best moves in order.

    For a network without win probabilities: no score, but the probability that the move is played.
    """
    shown = range(min(options.multipv, len(analysis.moves)))
    if options.multipv == 1:
        shown = [analysis.moves.index(best)]
    results = analysis.win_draw_loss
    nodes = len(analysis.moves)  # moves valued by the network
    for rank, i in enumerate(shown, start=1):
        move = analysis.moves[i]
        line = [move] if reply is None or move != best else [move, reply]
        fields: dict[str, object] = {"depth": 1, "seldepth": len(line), "multipv": rank}
        if analysis.gives_win_probs or analysis.verdicts[i]:
            fields["score"] = score(analysis, i)
        if options.show_wdl and analysis.gives_win_probs:
            fields["wdl"] = " ".join(map(str, per_mille(results[i])))
        fields |= {"nodes": nodes, "nps": nodes * 1000 // max(elapsed_ms, 1), "hashfull": 0}
        fields |= {"time": elapsed_ms, "pv": " ".join(m.uci() for m in line)}
        yield render_info(fields)
        if not analysis.gives_win_probs:
            yield render_string(
                f"{move.uci()} is played with probability {analysis.win_probs[i]:.3f}"
            )
        elif options.show_distribution:
            masses = analysis.bins.over_win_probs(analysis.distributions[i])
            bins = ",".join(str(round(10_000 * mass)) for mass in masses)
            yield render_string(f"distribution {move.uci()} {bins}")


def score(analysis: Analysis, i: int) -> str:
    """``mate 1`` if the rules say so, otherwise the utility in centipawns."""
    if analysis.verdicts[i] == CHECKMATE:
        return "mate 1"
    return f"cp {round(float(analysis.scores_cp[i]))}"


def per_mille(results: Sequence[float]) -> tuple[int, int, int]:
    """Probabilities of win, draw, loss -> integers per mille that sum to 1000."""
    wins, losses = round(1000 * results[0]), round(1000 * results[2])
    return wins, 1000 - wins - losses, losses


def perft(board: chess.Board, depth: int, stopped: Callable[[], bool]) -> Iterator[str]:
    """Leaf counts by move, then their sum, in the format of Stockfish; ends early when stopped."""
    total = 0
    for move in board.legal_moves:
        board.push(move)
        nodes = _leaves(board, depth - 1, stopped)
        board.pop()
        if stopped():
            return
        yield f"{move.uci()}: {nodes}"
        total += nodes
    yield ""
    yield f"Nodes searched: {total}"


def _leaves(board: chess.Board, depth: int, stopped: Callable[[], bool]) -> int:
    if depth <= 0:
        return 1
    if depth == 1:
        return board.legal_moves.count()
    total = 0
    for move in board.legal_moves:
        if stopped():
            break
        board.push(move)
        total += _leaves(board, depth - 1, stopped)
        board.pop()
    return total
