"""Pitch shift at constant length."""

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from features.audio import resample
from features.augmentations.base import Range, uniform, within
from features.augmentations.stretch import time_stretch
from features.strict import STRICT

if TYPE_CHECKING:
    from features.sound import Clip


@dataclass(frozen=True, config=STRICT)
class Pitch:
    """Change the pitch without changing the length: stretch, then resample back (librosa's `effects.pitch_shift`).

    Parameters
    ----------
    semitones : range
        Positive is higher.
    """

    semitones: Annotated[Range, within(-24, 24)] = (-2.0, 2.0)

    version: ClassVar[int] = 1
    order: ClassVar[int] = 4

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        return {"semitones": uniform(rng, self.semitones)}

    def apply(self, clip: "Clip", parameters: dict[str, float], rng: np.random.Generator) -> np.ndarray:
        rate = 2.0 ** (-parameters["semitones"] / 12)
        stretched = time_stretch(clip, rate)
        shifted = resample(stretched, clip.sample_rate_hz / rate, clip.sample_rate_hz)[: len(clip.samples)]
        missing = len(clip.samples) - len(shifted)
        return np.pad(shifted, (0, missing)) if missing else shifted
