"""Mel filters as bands of bins."""

from collections.abc import Iterable

import numpy as np

from features.kernels.mel import mel_power
from features.recipe import MelRecipe


class MelBank:
    """Bank of librosa's mel filters, without the zeros around each band."""

    def __init__(self, filters: np.ndarray) -> None:
        """Take the bands from `(bands, bins)` float32 whose rows are each zero but for one stretch of bins."""
        bands = [np.flatnonzero(row) for row in filters]
        self.starts = np.array([band[0] if len(band) else 0 for band in bands])
        self.ends = np.array([band[-1] + 1 if len(band) else 0 for band in bands])
        stretches = [row[start:end] for row, start, end in zip(filters, self.starts, self.ends, strict=True)]
        self.weights = np.concatenate(stretches).astype(np.float32)

    def power(self, blocks: Iterable[np.ndarray], frames: int) -> np.ndarray:
        """Return mel power `(bands, frames)` float32 from blocks of power `(bins, some frames)`."""
        mel = np.empty((len(self.starts), frames), np.float32)
        first = 0
        for block in blocks:
            mel_power(block, self.starts, self.ends, self.weights, first, mel)
            first += block.shape[1]
        return mel


def mel_filters(recipe: MelRecipe) -> np.ndarray:
    """Return librosa's mel filters of a recipe: `(n_mels, bins)` float32.

    librosa takes seconds to import, so it is imported here alone, and never in a worker.
    """
    from librosa.filters import mel

    return mel(
        sr=recipe.sample_rate_hz,
        n_fft=recipe.n_fft,
        n_mels=recipe.n_mels,
        fmin=recipe.fmin_hz,
        fmax=recipe.fmax_hz,
        htk=recipe.mel_scale == "htk",
        norm=recipe.mel_norm,
    )
