"""What training clips say about the scale of tensors that are not normalised."""

from collections.abc import Sequence

import numpy as np

from stores.reader import Store
from training.models.crops import Standard


def fitted_standard(store: Store, rows: np.ndarray, variants: Sequence[str]) -> Standard:
    """Mean and population standard deviation over some clips, each of which counts the same; 1 where all is equal.

    From the mean and the standard deviation of each tensor, which the store keeps: no tensor is read.
    """
    kept = np.concatenate([store.statistics(variant)[rows, 0] for variant in variants])  # (tensors, 2) float64
    mean = kept[:, 0].mean()
    power = (kept[:, 1] ** 2 + kept[:, 0] ** 2).mean()
    variance = power - mean**2
    return Standard(float(mean), float(np.sqrt(variance)) if variance > 0 else 1.0)
