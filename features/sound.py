"""A waveform and its spectrum: what augmentations read and tensors are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.fourier import Fourier
from features.kernels.mel import squared
from features.vocoder import Phasors


@dataclass(frozen=True)
class Sound:
    """Samples `(samples,)` float32 and how they are transformed."""

    samples: np.ndarray
    fourier: Fourier

    @property
    def frames(self) -> int:
        return self.fourier.frames(len(self.samples))

    def power(self) -> Iterator[np.ndarray]:
        """Squared magnitudes of the STFT, `(bins, frames)` float32, block after block."""
        return self.fourier.power(self.samples)


@dataclass(frozen=True)
class Clip(Sound):
    """The cut of a recording that all variants start from, and what several of them share, computed when needed."""

    sample_rate_hz: int

    def power(self) -> Iterator[np.ndarray]:
        for block in self.spectrum:
            power = np.empty(block.shape[1:], np.float32)
            squared(block, power)
            yield power

    @cached_property
    def spectrum(self) -> list[np.ndarray]:
        """The STFT in blocks of `(2, bins, frames)`, computed in float64.

        A phase vocoder carries phases on, so a bin that is silent to float32's rounding for a while would sound
        with a random phase from then on.
        """
        return list(self.fourier.spectra(self.samples))

    @cached_property
    def phasors(self) -> Phasors:
        return Phasors(self.spectrum, self.frames, self.fourier.bins)
