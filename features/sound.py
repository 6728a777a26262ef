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
    """Waveform `(samples,)` float32, with the STFT by which it is analysed."""

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
    """Resampled cut of a recording, from which all variants start; `spectrum` and `phasors` are kept once computed."""

    sample_rate_hz: int

    def power(self) -> Iterator[np.ndarray]:
        """Yield the blocks of `Sound.power` from `spectrum`, whose last bits differ: the original must be a `Clip`."""
        for block in self.spectrum:
            power = np.empty(block.shape[1:], np.float32)
            squared(block, power)
            yield power

    @cached_property
    def spectrum(self) -> list[np.ndarray]:
        """STFT in blocks `(2, bins, frames)` float32, real and imaginary, rounded from a transform in float64.

        A phase vocoder accumulates phases: the rounding noise of a float32 transform in a silent bin would give all
        later frames a random phase.
        """
        return list(self.fourier.spectra(self.samples))

    @cached_property
    def phasors(self) -> Phasors:
        return Phasors(self.spectrum, self.frames, self.fourier.bins)
