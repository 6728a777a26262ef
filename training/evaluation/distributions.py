"""Distributions of what probabilities say of themselves, and whether the answers were right."""

from typing import Any

import numpy as np

from training.evaluation.bins import bin_means, equal_mass_bins

TERCILES = 3


def distributions(probabilities: np.ndarray, right: np.ndarray) -> dict[str, dict[str, float | None]]:
    """Return the means of four measures over right and over wrong answers, None where there are none.

    `confidence` is the largest probability, `entropy` that of all probabilities in nats, `margin` the difference of the
    two largest, `strength` the Euclidean norm.

    Parameters
    ----------
    probabilities : array of float64, shape (clips, classes)
    right : array of bool, shape (clips,)
    """
    largest = np.partition(probabilities, -2, axis=1)[:, -2:]
    logarithms = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    measures = {
        "confidence": largest[:, 1],
        "entropy": -(probabilities * logarithms).sum(axis=1),
        "margin": largest[:, 1] - largest[:, 0],
        "strength": np.sqrt(np.square(probabilities).sum(axis=1)),
    }
    return {name: {"right": _mean(value[right]), "wrong": _mean(value[~right])} for name, value in measures.items()}


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def terciles(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Return the accuracy of the least confident third of the clips, of the middle one and of the most confident.

    `from` and `to` are the least and the largest confidence in it. Clips of equal confidence stay together, so that
    there can be fewer than three.
    """
    bins = equal_mass_bins(confidence, TERCILES)
    clips, accuracy = bin_means(bins, right)
    rows = []
    for number, count, share in zip(np.unique(bins), clips, accuracy, strict=True):
        inside = confidence[bins == number]
        bounds = {"from": float(inside.min()), "to": float(inside.max())}
        rows.append(bounds | {"clips": int(count), "accuracy": float(share)})
    return rows
