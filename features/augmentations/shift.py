"""Shift in time."""

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from features.augmentations.base import Range, uniform, within
from features.strict import STRICT

if TYPE_CHECKING:
    from features.sound import Clip


@dataclass(frozen=True, config=STRICT)
class Shift:
    """Move the clip in time.

    Parameters
    ----------
    fraction : range
        Shift as a fraction of the clip's length; positive is later.
    wrap : bool
        What leaves at one end comes in at the other, instead of zeros.
    """

    fraction: Annotated[Range, within(-1, 1)] = (-0.2, 0.2)
    wrap: bool = False

    version: ClassVar[int] = 1
    order: ClassVar[int] = 2

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        return {"fraction": uniform(rng, self.fraction)}

    def apply(self, clip: "Clip", parameters: dict[str, float], rng: np.random.Generator) -> np.ndarray:
        count = len(clip.samples)
        later = round(parameters["fraction"] * count)
        if self.wrap:
            return np.roll(clip.samples, later)
        shifted = np.zeros_like(clip.samples)
        later = max(-count, min(count, later))
        shifted[max(0, later) : count + min(0, later)] = clip.samples[max(0, -later) : count - max(0, later)]
        return shifted
