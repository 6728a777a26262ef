"""Bins of equal numbers of clips, by their confidence."""

import numpy as np


def equal_mass_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin of each clip, `(clips,)` int64, from the least confident up.

    All bins have equally many clips, to within one. Clips of equal confidence share the bin of their middle, so that
    the result does not depend on their order; then, and with fewer clips than bins, some bins are empty.
    """
    ranked = np.sort(confidence)
    first, end = (np.searchsorted(ranked, confidence, side=side) for side in ("left", "right"))
    return (first + end - 1) * bins // (2 * len(confidence))


def bin_means(bins: np.ndarray, *values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the number of clips in each bin that is not empty, and the mean of each of `values` `(clips,)` there."""
    counts = np.bincount(bins)
    filled = counts > 0
    sums = (np.bincount(bins, weights=value) for value in values)
    return counts[filled], *(total[filled] / counts[filled] for total in sums)
