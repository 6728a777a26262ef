"""Ready-made spectrograms as tensors."""

import numpy as np

from features.tensors.base import Tensor, channels_last
from features.tensors.spectrogram.recipe import SpectrogramRecipe


class Assembly:
    """Maker of the tensors of a spectrogram recipe."""

    def __init__(self, recipe: SpectrogramRecipe) -> None:
        self.recipe = recipe

    def __call__(self, values: np.ndarray) -> Tensor:
        """Return values `(rows · frames,)`, row after row, as a tensor; the statistics are their mean and sd."""
        plane = values.reshape(self.recipe.rows, self.recipe.frames)
        statistics = np.array([(plane.mean(dtype=np.float64), plane.std(dtype=np.float64))])
        return Tensor(channels_last(plane[np.newaxis], self.recipe.frames, self.recipe.dtype), statistics)
