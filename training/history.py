"""Validation losses of a history, by which the epoch is chosen that a run keeps."""

import math
from collections.abc import Mapping, Sequence


def validation_losses(history: Sequence[Mapping[str, float]]) -> list[float]:
    """Return the validation losses; one that is not a number becomes infinite, the worst."""
    return [math.inf if math.isnan(row["validation_loss"]) else row["validation_loss"] for row in history]


def best_epoch(history: Sequence[Mapping[str, float]]) -> int:
    """Return the number of the epoch with the lowest validation loss, the first of several."""
    losses = validation_losses(history)
    return losses.index(min(losses))
