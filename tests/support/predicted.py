"""Predictions that are drawn, for tests of what is computed from them."""

import numpy as np

from training.evaluation.intervals import ScoredClips
from training.evaluation.predictions import Predictions


def drawn_predictions(seed: int, clips: int, classes: int, *, signal: float = 2.0) -> Predictions:
    """Return predictions that are right more often than not; equal seeds give equal ones."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, clips)
    logits = rng.normal(0, 1.5, (clips, classes)) + signal * np.eye(classes)[labels]
    return Predictions(np.arange(clips), labels, logits.astype(np.float32))


def calibrated_predictions(seed: int, clips: int, classes: int) -> Predictions:
    """Return predictions whose probabilities are those by which their labels are drawn."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (clips, classes)).astype(np.float32)
    cumulative = Predictions(np.arange(clips), np.zeros(clips, np.int64), logits).probabilities.cumsum(axis=1)
    labels = (rng.random((clips, 1)) > cumulative[:, :-1]).sum(axis=1)
    return Predictions(np.arange(clips), labels, logits)


def scored_clips(
    predictions: Predictions, groups: np.ndarray | None = None, positive: int | None = None
) -> ScoredClips:
    """Return the clips with their likeliest classes, each in a group of its own unless `groups` are given."""
    numbers = np.arange(len(predictions.labels)) if groups is None else groups
    return ScoredClips(predictions, predictions.likeliest, numbers, positive)
