"""How well predicted move values match the teacher's, position by position (pure numpy).

Every metric takes one position (``[M]`` moves) or many (``[..., M]``). Positions with different
numbers of moves are padded, and ``legal: [..., M] bool`` says which moves count (None: all).
``teacher_win_probs`` and ``predicted_win_probs`` are win probabilities in [0, 1] for the side to
move; a prediction is the expected value of a move's distribution.
"""

import numpy as np

# Win probabilities closer than this count as equal; every mate has 1, at any distance.
EQUAL_WIN_PROB = 1e-9


def agreement(teacher_win_probs, predicted_win_probs, legal=None) -> np.ndarray:
    """[..., M], [..., M] -> [...] bool: whether the move predicted best is a best move of the
    teacher's.

    All moves with the teacher's maximum count as best. Among equal predictions the first move is
    chosen, as in play.
    """
    return regret(teacher_win_probs, predicted_win_probs, legal) <= EQUAL_WIN_PROB


def regret(teacher_win_probs, predicted_win_probs, legal=None) -> np.ndarray:
    """[..., M], [..., M] -> [...]: the win probability lost by the move predicted best, >= 0."""
    teacher, predicted, legal = np.broadcast_arrays(
        teacher_win_probs, predicted_win_probs, True if legal is None else legal
    )
    choice = np.where(legal, predicted, -np.inf).argmax(axis=-1)
    of_choice = np.take_along_axis(teacher, choice[..., None], axis=-1)[..., 0]
    return np.where(legal, teacher, -np.inf).max(axis=-1) - of_choice


def kendall_tau_b(first, second, legal=None) -> np.ndarray:
    """[..., M], [..., M] -> [...]: Kendall's rank correlation with the correction for ties (tau-b).

    (concordant - discordant) / sqrt(pairs untied in first * pairs untied in second), Kendall 1945.
    NaN if there are fewer than two moves, or if all values of one side are equal.
    """
    first, second = np.asarray(first), np.asarray(second)
    pairs = True if legal is None else legal[..., :, None] & legal[..., None, :]
    signs_first = np.sign(first[..., :, None] - first[..., None, :]) * pairs
    signs_second = np.sign(second[..., :, None] - second[..., None, :]) * pairs
    agreeing = (signs_first * signs_second).sum(axis=(-2, -1))
    untied = np.abs(signs_first).sum(axis=(-2, -1)) * np.abs(signs_second).sum(axis=(-2, -1))
    with np.errstate(invalid="ignore"):
        return agreeing / np.sqrt(untied, dtype=np.float64)


def reference_kendall_tau(predicted_win_probs, teacher_win_probs) -> float:
    """[M], [M] -> what the code of Ruoss et al. calls Kendall's tau; only to compare with it.

    It correlates the two argsorts (which move has each rank) instead of the two rankings (which
    rank each move has), so it is near zero for good but imperfect orders: about 0.06 for 30 moves
    with a true tau of 0.7. A single move counts as 1. Ties are sorted stably here; the reference
    leaves their order to numpy.
    """
    if len(predicted_win_probs) == 1:
        return 1.0
    by_prediction = np.argsort(predicted_win_probs, kind="stable")
    by_teacher = np.argsort(teacher_win_probs, kind="stable")
    return float(kendall_tau_b(by_prediction, by_teacher))


def squared_error(teacher_win_probs, predicted_win_probs) -> np.ndarray:
    """[...], [...] -> [...]: squared difference of the win probabilities of each move."""
    return np.square(np.asarray(teacher_win_probs) - np.asarray(predicted_win_probs))


def log_loss(distributions, teacher_bins) -> np.ndarray:
    """[..., K], [...] int -> [...]: negative log-likelihood of the teacher's bin, in nats.

    Probabilities are clipped at 1e-12, so that one zero does not make the mean infinite.
    """
    bins = np.asarray(teacher_bins)[..., None]
    probability = np.take_along_axis(np.asarray(distributions), bins, axis=-1)[..., 0]
    return -np.log(np.maximum(probability, 1e-12))


def crps(distributions, edges, teacher_win_probs) -> np.ndarray:
    """[..., K], [K+1], [...] -> [...]: continuous ranked probability score, in win probability.

    The exact integral over x of (F(x) - [x >= teacher])^2, with F linear within each bin (Gneiting
    and Raftery 2007). For a point mass it is the absolute error.
    """
    distributions, edges = np.asarray(distributions), np.asarray(edges)
    below = np.concatenate([np.zeros((*distributions.shape[:-1], 1)), distributions], axis=-1)
    below = below.cumsum(axis=-1)
    widths = np.diff(edges)  # 0 for bins that encode distances to mate
    teacher = np.asarray(teacher_win_probs)[..., None]
    # The share of each bin that lies below the teacher's value.
    split = np.clip((teacher - edges[:-1]) / np.maximum(widths, 1e-12), 0.0, 1.0)
    start, end = below[..., :-1], below[..., 1:]
    middle = start + split * (end - start)
    left = split * _mean_square(start, middle)
    right = (1.0 - split) * _mean_square(1.0 - middle, 1.0 - end)
    return ((left + right) * widths).sum(axis=-1)


def _mean_square(start, end):
    """The mean square of a line from start to end."""
    return (start * start + start * end + end * end) / 3.0
