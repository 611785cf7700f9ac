"""The teacher of a dataset as a player: it plays the best move of its labels."""

import chess
import chess.engine
import numpy as np

from data_pipeline.dataset.records import make_record
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.teachers.options import EngineConfig, Limit
from data_pipeline.teachers.stockfish import EngineFailed, Stockfish
from engine.match.player_specs import PlayerSpec
from engine.match.uci_client import EngineFault, find_stockfish

DEFAULT_DEPTH = 5


class TeacherPlayer:
    """Scores all moves as `argmax data annotate` does, including its deeper stages.

    As for a dataset, it sees only the position: no clock, no earlier positions of the game.
    """

    def __init__(self, spec: PlayerSpec) -> None:
        self.spec = spec
        self._engine = Stockfish(engine_config(spec))

    def new_game(self, number: int) -> None:
        """Does nothing: there is no state between positions."""

    def play(self, board: chess.Board, limit: chess.engine.Limit | None = None) -> chess.Move:
        """The best move of the labels. Raises EngineFault if the engine fails twice."""
        nothing = np.zeros(0, np.int32)
        try:
            record = self._engine.annotate(make_record(board, nothing, nothing, clocks=True))
        except EngineFailed as error:
            raise EngineFault("crash", f"{self.spec.name} {error}") from None
        return CHESS_MOVES[record.actions[0]]

    def close(self) -> None:
        """End the engine's process."""
        self._engine.close()


def engine_config(spec: PlayerSpec) -> EngineConfig:
    """The configuration with which a `teacher` scores positions."""
    settings = spec.settings
    given = [settings.get(name) for name in ("depth", "nodes", "movetime")]
    limit = Limit(depth=DEFAULT_DEPTH) if given == [None] * 3 else Limit(*given)
    path = settings.get("path") or find_stockfish()
    return EngineConfig(path, limit, spec.options, then=settings.get("then", ()))
