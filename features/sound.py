"""A waveform and its spectrum, the input of augmentations and tensors."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.fourier import Fourier
from features.kernels.mel import squared
from features.vocoder import Phasors


@dataclass(frozen=True)
class Sound:
    """Waveform `(samples,)` float32 and its Fourier transform."""

    samples: np.ndarray
    fourier: Fourier

    @property
    def frames(self) -> int:
        return self.fourier.frames(len(self.samples))

    def power(self) -> Iterator[np.ndarray]:
        """Yield squared magnitudes of the STFT, `(bins, frames)` float32, block after block."""
        return self.fourier.power(self.samples)


@dataclass(frozen=True)
class Clip(Sound):
    """Cut of a recording that all variants start from, with intermediates that several share, computed when needed."""

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
