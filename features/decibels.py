"""Power in decibels."""

import numpy as np

AMIN = 1e-10  # power below which librosa's power_to_db does not look


def decibels(power: np.ndarray, top_db: float = 80.0) -> np.ndarray:
    """Return `(rows, frames)` power in dB against 1, no lower than `top_db` below the maximum; float64.

    This is librosa's `power_to_db` with ref 1. Against the clip's own maximum every value is lower by one constant.
    """
    level = power.astype(np.float64)
    np.clip(level, AMIN, np.inf, out=level)  # in a third of the time of np.maximum
    np.log10(level, out=level)
    level *= 10
    return np.clip(level, level.max() - top_db, np.inf, out=level)
