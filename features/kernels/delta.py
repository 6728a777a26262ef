"""A filter along the frames of a few rows."""

import numpy as np

from features.kernels.compiled import compiled


@compiled("void(float64[:, ::1], float64[::1], float64[:, ::1])")
def correlate(rows: np.ndarray, weights: np.ndarray, filtered: np.ndarray) -> None:
    """Fill `filtered` `(rows, frames - n + 1)` with the weighted sums of each n successive of `(rows, frames)`."""
    for row in range(len(rows)):
        target = filtered[row]
        target[:] = 0
        for k in range(len(weights)):
            source, weight = rows[row, k:], weights[k]
            for frame in range(len(target)):
                target[frame] += weight * source[frame]
