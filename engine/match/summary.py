"""The summary of a match as a JSON object."""

from collections.abc import Sequence

from engine.match.game import GameRecord
from engine.match.match import Score, faults, move_times_ms, scores
from engine.rating.elo import fit
from engine.rating.results import Result
from engine.rating.sprt import Sprt, log_likelihood_ratio


def results_of(records: Sequence[GameRecord]) -> list[Result]:
    """Games of a match as results to rate; the opening is the FEN that they started from."""
    return [
        Result(r.pairing.white, r.pairing.black, r.score, r.pairing.fen)
        for r in sorted(records, key=lambda r: r.pairing.number)
    ]


def report(records: Sequence[GameRecord], sprt: Sprt | None = None) -> dict:
    """Every pairing from a's side, with Elo difference and 95 % interval; faults; move times."""
    results = results_of(records)
    reasons: dict[str, int] = {}
    for record in records:
        reasons[record.termination] = reasons.get(record.termination, 0) + 1
    pairings = [_pairing(score, results, sprt) for score in scores(records)]
    return {
        "pairings": pairings,
        "games": len(records),
        "faults": faults(records),
        "terminations": reasons,
        "ms_per_move": {name: round(ms, 2) for name, ms in move_times_ms(records).items()},
    }


def _pairing(score: Score, results: Sequence[Result], sprt: Sprt | None) -> dict:
    """The summary of one pairing; with an SPRT also its log-likelihood ratio and decision."""
    between = [r for r in results if {r.white, r.black} == {score.a, score.b}]
    ratings = fit(between, {score.b: 0.0})
    rating = ratings.players[score.a]
    line = {
        "a": score.a,
        "b": score.b,
        "wins": score.wins,
        "draws": score.draws,
        "losses": score.losses,
        "score": (score.wins + score.draws / 2) / score.games,
        "elo": rating.elo,
        "elo_interval_95": list(rating.interval_95),
        "elo_bounded": rating.bounded,
        "likelihood_of_superiority": score.likelihood_of_superiority,
    }
    if sprt is not None:
        ratio = log_likelihood_ratio(score.pair_scores, sprt.elo0, sprt.elo1)
        line["sprt"] = {
            "elo0": sprt.elo0,
            "elo1": sprt.elo1,
            "log_likelihood_ratio": ratio,
            "bounds": list(sprt.bounds),
            "accepted": sprt.decision(score.pair_scores),
        }
    return line
