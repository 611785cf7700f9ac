"""Results of games from the tags of PGN files; neither moves nor engines are needed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_pipeline.common.errors import InputError
from data_pipeline.sources.pgn import RESULTS, Game, games_of

NO_RESULT = "without a result"
SAME_PLAYER = "with one name on both sides"


@dataclass(frozen=True)
class Result:
    """One game. ``score``: White's, 1, 0.5 or 0. ``opening``: the start position, '' if unknown."""

    white: str
    black: str
    score: float
    opening: str = ""


@dataclass(frozen=True)
class Results:
    """The games that count, and the number of others by reason."""

    games: list[Result]
    left_out: Counter[str] = field(default_factory=Counter)


def read_results(paths: Sequence[Path]) -> Results:
    """The results in PGN files, plain or compressed.

    Raises InputError if a file cannot be read, or if there is no game to rate.
    """
    results = Results([])
    for game in games_of(paths):
        result = result_of(game)
        if isinstance(result, str):
            results.left_out[result] += 1
        else:
            results.games.append(result)
    if not results.games:
        reasons = ", ".join(f"{count} {reason}" for reason, count in results.left_out.items())
        raise InputError(
            f"expected finished games of two players in {', '.join(map(str, paths))}, found none"
            + (f" ({reasons})" if reasons else "")
        )
    return results


def result_of(game: Game) -> Result | str:
    """A game's result, or the reason why it does not count."""
    if not game.tags:
        return "without tags"
    if game.result is None:
        return NO_RESULT
    white, black = game.tags.get("White", "?"), game.tags.get("Black", "?")
    if white == black:
        return SAME_PLAYER
    return Result(white, black, RESULTS[game.result], game.tags.get("FEN", ""))
