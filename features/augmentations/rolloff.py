"""Attenuation of high frequencies, as behind a wall or a cheap microphone."""

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from features.augmentations.base import PositiveRange, Range, uniform, within
from features.strict import STRICT

if TYPE_CHECKING:
    from features.sound import Clip


@dataclass(frozen=True, config=STRICT)
class Rolloff:
    """Multiply all STFT bins strictly above a cutoff by a gain.

    Parameters
    ----------
    cutoff_hz : range in Hz
        Highest frequency that keeps its amplitude.
    gain : range
        Factor on the amplitude above the cutoff.
    """

    cutoff_hz: PositiveRange = (2000.0, 8000.0)
    gain: Annotated[Range, within(0, 10)] = (0.1, 0.5)

    version: ClassVar[int] = 1
    order: ClassVar[int] = 5

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        return {"cutoff_hz": uniform(rng, self.cutoff_hz), "gain": uniform(rng, self.gain)}

    def apply(self, clip: "Clip", parameters: dict[str, float], rng: np.random.Generator) -> np.ndarray:
        frequencies_hz = np.arange(clip.fourier.bins) * (clip.sample_rate_hz / clip.fourier.n_fft)
        gains = np.where(frequencies_hz > parameters["cutoff_hz"], np.float32(parameters["gain"]), np.float32(1))
        rolled_off = (block * gains[:, np.newaxis] for block in clip.spectrum)
        return clip.fourier.inverse(rolled_off, len(clip.samples))
