"""Phasors of a spectrum, and spectra of another speed made of them."""

from collections.abc import Iterable, Iterator
from math import ceil

import numpy as np

from features.alignment import aligned
from features.fourier import BLOCK_FRAMES
from features.kernels.vocoder import polar, vocode


class Phasors:
    """Magnitudes and unit phasors of a spectrum, which serve any number of stretches.

    After the last frame come two that are silent, as in librosa.
    """

    def __init__(self, blocks: Iterable[np.ndarray], frames: int, bins: int) -> None:
        """Take the phasors of blocks of float32 spectra, `frames` frames in all."""
        self.frames = frames
        self._magnitude, self._real, self._imag = np.empty((3, frames + 2, bins), np.float32)
        self._magnitude[frames:], self._real[frames:], self._imag[frames:] = 0, 1, 0
        first = 0
        for block in blocks:
            polar(block, first, self._magnitude, self._real, self._imag)
            first += block.shape[2]

    def stretched(self, rate: float) -> Iterator[np.ndarray]:
        """Yield blocks of the spectrum sped up by `rate`, ceil(frames / rate) frames in all."""
        total = ceil(self.frames / rate)
        running = np.stack([self._real[0], self._imag[0]])
        for first in range(0, total, BLOCK_FRAMES):
            block = aligned((2, running.shape[1], min(BLOCK_FRAMES, total - first)), np.float32)
            vocode(self._magnitude, self._real, self._imag, rate, first, running, block)
            yield block
