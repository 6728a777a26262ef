"""Abstention: the confidence that an answer must have; below it the model says that it is not sure."""

import numpy as np

NEVER = 1.0  # limit that no confidence is above


def choose_limit(confidence: np.ndarray, right: np.ndarray, accuracy: float) -> float:
    """Return the confidence above which an answer is sure: of as many validation clips as have the wanted accuracy.

    The limit lies halfway to the next lower confidence; it is 0 where all clips together have the wanted accuracy, and
    1, which no confidence is above, where not even the most confident ones have it.

    Parameters
    ----------
    confidence : array of float, shape (clips,)
        Probabilities of the classes that are answered.
    right : array of bool, shape (clips,)
    accuracy : float
        Wanted share of right answers among those that are sure.
    """
    values, counts = np.unique(-confidence, return_counts=True)  # from the most confident down
    answered = np.cumsum(counts)
    hits = np.cumsum(right[np.argsort(-confidence, kind="stable")])[answered - 1]
    reached = np.flatnonzero(hits / answered >= accuracy)
    if not len(reached):
        return NEVER
    last = reached[-1]
    return 0.0 if last + 1 == len(values) else float(-(values[last] + values[last + 1]) / 2)


def not_sure(confidence: np.ndarray, right: np.ndarray, limit: float | None) -> dict[str, float | None]:
    """Return limit, coverage and accuracy as metrics.json has them: the share of clips whose answer is sure, and the
    share of these that is right, None where there are none.

    Parameters as in `choose_limit`; without a limit every answer is sure.
    """
    sure = np.ones(len(right), bool) if limit is None else confidence > limit
    accuracy = float(right[sure].mean()) if sure.any() else None
    return {"limit": limit, "coverage": float(sure.mean()), "accuracy": accuracy}
