"""Output formats of reviews: JSON and annotated PGN."""

import chess
import chess.engine
import chess.pgn
import numpy as np

from data_pipeline.encoding.values import centipawns
from engine.play.rules import CHECKMATE
from engine.review.accuracy import Judgement
from engine.review.review import GameReview, MoveReview

NAGS: dict[Judgement, int] = {
    "inaccuracy": chess.pgn.NAG_DUBIOUS_MOVE,
    "mistake": chess.pgn.NAG_MISTAKE,
    "blunder": chess.pgn.NAG_BLUNDER,
}
SYMBOLS: dict[Judgement, str] = {"inaccuracy": "?!", "mistake": "?", "blunder": "??"}
LEAST_WIN_PROB = 0.0005
"""Limits ``[%eval]`` to about 20 pawns."""
SIDES = ((chess.WHITE, "white"), (chess.BLACK, "black"))


def move_number(move: MoveReview) -> int:
    """The move number, as in a PGN."""
    return int(move.fen.split()[-1]) - (not move.color)


def numbered(move: MoveReview) -> str:
    """``12. Nf3?!`` or ``12... Nf6``: the move with its number and the symbol of its judgement."""
    number = move_number(move)
    sign = SYMBOLS[move.judgement] if move.judgement else ""
    return f"{number}{'.' if move.color else '...'} {move.san}{sign}"


def move_to_json(move: MoveReview) -> dict:
    """One move as a JSON object; win probabilities are the mover's unless they are named
    White's."""
    return {
        "ply": move.ply,
        "move": move.move.uci(),
        "san": move.san,
        "color": "white" if move.color else "black",
        "win_prob": round(move.win_prob, 6),
        "white_win_prob": round(move.white_win_prob, 6),
        "white_band": [round(end, 6) for end in move.white_band],
        "given_away": round(move.given_away, 6),
        "judgement": move.judgement,
        "accuracy": round(move.accuracy, 2),
        "best": move.best.uci(),
        "best_san": move.best_san,
        "best_win_prob": round(move.best_win_prob, 6),
        "entropy_bits": round(move.entropy_bits, 4),
        "only_move": move.only_move,
        "verdict": move.verdict,
        "fen": move.fen,
    }


def to_json(review: GameReview) -> dict:
    """One game as a JSON object."""
    headers = review.game.tree.headers
    return {
        "white": review.game.name(chess.WHITE),
        "black": review.game.name(chess.BLACK),
        "result": review.game.result,
        "event": headers.get("Event", "?"),
        "date": headers.get("Date", "????.??.??"),
        "start_fen": review.game.start.fen(),
        "start_white_win_prob": round(review.curve[0], 6),
        "accuracy": {name: _rounded(review.accuracy[color]) for color, name in SIDES},
        "judgements": {
            name: {kind: review.judgements(color)[kind] for kind in NAGS} for color, name in SIDES
        },
        "turning_points": [move.ply for move in review.turning_points],
        "moves": [move_to_json(move) for move in review.moves],
    }


def _rounded(accuracy: float | None) -> float | None:
    return None if accuracy is None else round(accuracy, 2)


def annotated(review: GameReview) -> chess.pgn.Game:
    """The game's tree with ``[%eval]`` after each move, judgements as NAGs and comments, and better
    moves as variations. Existing comments and variations are kept."""
    node: chess.pgn.GameNode = review.game.tree
    for move in review.moves:
        parent, node = node, node.variations[0]
        node.nags -= set(NAGS.values())
        _set_eval(node, move)
        if move.only_move and move.move == move.best:
            node.nags.add(chess.pgn.NAG_FORCED_MOVE)
        if move.judgement is None:
            continue
        node.nags.add(NAGS[move.judgement])
        verdict = f"{move.judgement.capitalize()}. {move.best_san} was best."
        if verdict not in node.comment:
            node.comment = f"{node.comment} {verdict}".strip()
        if not parent.has_variation(move.best):
            parent.add_variation(move.best)
    review.game.tree.headers["Annotator"] = "Argmax, a network without search"
    return review.game.tree


def _set_eval(node: chess.pgn.ChildNode, move: MoveReview) -> None:
    """Set the move's value in pawns from White's point of view; none after checkmate."""
    if move.verdict == CHECKMATE.reason:
        node.set_eval(None)
        return
    inner = np.clip(move.white_win_prob, LEAST_WIN_PROB, 1 - LEAST_WIN_PROB)
    score = chess.engine.Cp(round(float(centipawns(inner))))
    node.set_eval(chess.engine.PovScore(score, chess.WHITE))


def annotated_pgn(review: GameReview) -> str:
    """`annotated` as text, with a blank line at the end."""
    return annotated(review).accept(chess.pgn.StringExporter(columns=100)) + "\n\n"
