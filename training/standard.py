"""Mean and standard deviation of training clips, for tensors that are not normalised."""

from collections.abc import Sequence

import numpy as np

from stores.reader import Store
from training.models.crops import Standard


def fitted_standard(store: Store, rows: np.ndarray, variants: Sequence[str]) -> Standard:
    """Return mean and population standard deviation over clips, each counted once; the latter is 1 if all is equal.

    From the mean and the standard deviation of each tensor, which the store keeps: no tensor is read.
    """
    pairs = np.concatenate([store.statistics(variant)[rows, 0] for variant in variants])  # (tensors, 2) float64
    mean = pairs[:, 0].mean()
    power = (pairs[:, 1] ** 2 + pairs[:, 0] ** 2).mean()
    variance = power - mean**2
    return Standard(float(mean), float(np.sqrt(variance)) if variance > 0 else 1.0)
