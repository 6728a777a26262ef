"""Reverberation: convolution with noise that decays exponentially, by a drawn time.

In a configuration:

    recipes:
      music:
        variants: {reverb: {class: examples/own/reverb.py:Reverb, decay_s: [0.1, 0.6]}}
"""

from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.signal import fftconvolve

from features.augmentations.base import PositiveRange, uniform
from features.sound import Clip

DECAY_DB = 60  # after the drawn time, as room acoustics has it


class Reverb:
    """Add the sound of a room.

    Parameters
    ----------
    decay_s : range in s
        Time in which the room's sound falls by 60 dB.
    wet : float
        Share of the room's sound, which is scaled to the power of the clip.
    """

    def __init__(self, decay_s: PositiveRange = (0.1, 0.6), wet: Annotated[float, Field(gt=0, le=1)] = 0.3) -> None:
        self.decay_s = decay_s
        self.wet = wet

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw the decay."""
        return {"decay_s": uniform(rng, self.decay_s)}

    def apply(self, clip: Clip, parameters: dict[str, float], rng: np.random.Generator) -> np.ndarray:
        """Return the clip in a room."""
        count = max(1, round(parameters["decay_s"] * clip.sample_rate_hz))
        decay = 10 ** (-DECAY_DB / 20 * np.arange(count) / count)
        room = fftconvolve(clip.samples, rng.standard_normal(count) * decay)[: len(clip.samples)]
        room *= np.linalg.norm(clip.samples) / max(np.linalg.norm(room), 1e-12)
        return ((1 - self.wet) * clip.samples + self.wet * room).astype(np.float32)
