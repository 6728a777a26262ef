"""Time stretch at constant pitch."""

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from features.augmentations.base import Range, uniform, within
from features.strict import STRICT

if TYPE_CHECKING:
    from features.sound import Clip


def time_stretch(clip: "Clip", rate: float) -> np.ndarray:
    """Stretch a clip as librosa's `effects.time_stretch`: `(round(samples / rate),)` float32, at least one sample."""
    return clip.fourier.inverse(clip.phasors.stretched(rate), max(1, round(len(clip.samples) / rate)))


@dataclass(frozen=True, config=STRICT)
class Stretch:
    """Play faster or slower without changing the pitch.

    Parameters
    ----------
    rate : range
        Speed; above 1 is faster and shorter.
    """

    rate: Annotated[Range, within(0.25, 4)] = (0.85, 1.15)

    version: ClassVar[int] = 1
    order: ClassVar[int] = 3

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        return {"rate": uniform(rng, self.rate)}

    def apply(self, clip: "Clip", parameters: dict[str, float], rng: np.random.Generator) -> np.ndarray:
        return time_stretch(clip, parameters["rate"])
