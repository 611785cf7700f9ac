"""Files of games -> reviews, and a summary of each player."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from engine.play.engine import SearchlessEngine
from engine.review.forms import to_json
from engine.review.games import PlayedGame, ReadCounts, read_files
from engine.review.players import Players
from engine.review.review import POSITIONS_A_BATCH, GameReview, review_games


@dataclass(frozen=True)
class Reviewed:
    """All reviews, the summaries by player, and the games left out."""

    reviews: list[GameReview]
    players: Players
    counts: ReadCounts

    def to_json(self) -> dict:
        """The JSON object that ``argmax review --json`` prints."""
        return {
            "games": [to_json(review) for review in self.reviews],
            "players": self.players.to_json(),
            "left_out": self.counts.dropped,
        }


def review_files(
    engine: SearchlessEngine,
    paths: Sequence[Path],
    limit: int | None = None,
    on_game: Callable[[int], None] = lambda done: None,
) -> Reviewed:
    """Review the (first ``limit``) games of PGN files; ``on_game`` gets the number of games
    done."""
    counts = ReadCounts()
    return reviewed(engine, islice(read_files(paths, counts), limit), counts, on_game)


def reviewed(
    engine: SearchlessEngine,
    games: Iterable[PlayedGame],
    counts: ReadCounts,
    on_game: Callable[[int], None] = lambda done: None,
    at_once: int = POSITIONS_A_BATCH,
) -> Reviewed:
    """Review games that have been read; ``at_once``: see `review_games`."""
    found = Reviewed([], Players(), counts)
    for review in review_games(engine, games, at_once):
        found.reviews.append(review)
        found.players.add(review)
        on_game(len(found.reviews))
    return found
