"""The spline that spreads a few coefficients over all rows of a plane."""

import numpy as np


def spline_matrix(knots: int, rows: int) -> np.ndarray:
    """Return the not-a-knot cubic spline through `knots` values at `rows` points, as `(rows, knots)` float64."""
    from scipy.interpolate import CubicSpline  # for the constants only, which workers are sent

    units = CubicSpline(np.linspace(0, 1, knots), np.eye(knots), bc_type="not-a-knot")
    return np.asarray(units(np.linspace(0, 1, rows)))


def expanded(rows: np.ndarray, spline: np.ndarray) -> np.ndarray:
    """Return planes `(4, n_mels, frames)` float32 from compact rows `(n_mels + 3 · n_mfcc, frames)` float32."""
    from features.kernels.product import multiply  # numba takes a second to import, which training does without

    bands, coefficients = spline.shape
    planes = np.empty((4, bands, rows.shape[1]), np.float32)
    planes[0] = rows[:bands]
    for few, plane in zip(rows[bands:].reshape(3, coefficients, -1), planes[1:], strict=True):
        multiply(spline, few, plane)
    return planes
