"""Chroma: the energy of the twelve pitch classes over time, from a constant-Q transform.

In a configuration:

    experiments:
      keys: {corpus: {root: songs}, recipe: chroma, model: {name: resnet18, crop: null}}
    recipes:
      chroma: {class: examples/own/chroma.py:Chroma, seconds: 10}
"""

from typing import Annotated

import librosa
import numpy as np
from pydantic import Field


class Chroma:
    """Chroma of a clip, in which the largest pitch class of each frame is 1.

    Parameters
    ----------
    samples : int
        Length of all clips.
    sample_rate_hz, hop_length : int
    octaves : int
        Octaves that are summed, from C1 on.
    """

    axes = ("pitch_class", "frame")
    units = "1 (the largest of each frame)"

    def __init__(
        self,
        samples: int,
        sample_rate_hz: int = 22050,
        hop_length: int = 512,
        octaves: Annotated[int, Field(ge=1, le=7)] = 7,
    ) -> None:
        self.hop_length = hop_length
        self.octaves = octaves
        self.shape = (12, 1 + samples // hop_length)

    def compute(self, samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """Return `(12, frames)` of `(samples,)` float32."""
        return librosa.feature.chroma_cqt(
            y=samples, sr=sample_rate_hz, hop_length=self.hop_length, n_octaves=self.octaves, tuning=0.0
        )
