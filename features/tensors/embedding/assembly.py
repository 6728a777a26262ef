"""Embeddings of windows of a sound, by a model in ONNX."""

from functools import cached_property
from typing import Any

import numpy as np

from features.own import OwnPartError
from features.sound import Sound
from features.tensors.base import Tensor, of_length, stored
from features.tensors.embedding.model import Model
from features.tensors.embedding.recipe import EmbeddingRecipe


class Assembly:
    """Maker of the tensors of an embedding. It loads and tries the model at once, and again in each worker.

    Raises `OwnPartError` where the model does not fit the recipe.
    """

    def __init__(self, recipe: EmbeddingRecipe) -> None:
        self.recipe = recipe
        self.path = recipe.path  # workers may stand in another folder
        silence = np.zeros(recipe.samples, np.float32)
        self._embedded(silence)

    def __call__(self, sound: Sound) -> Tensor:
        """Return the vectors of the windows of a sound; the statistics are mean and population sd of all values."""
        vectors = self._embedded(of_length(sound.samples, self.recipe.samples))
        if not np.isfinite(vectors).all():
            raise OwnPartError(f"{self.recipe.model}: expected finite vectors, got NaN or infinite ones")
        statistics = np.array([(vectors.mean(dtype=np.float64), vectors.std(dtype=np.float64))])
        return Tensor(stored(vectors.T[:, :, np.newaxis], self.recipe.dtype), statistics)

    @cached_property
    def model(self) -> "Model":
        return Model(self.recipe, self.path)

    def _embedded(self, samples: np.ndarray) -> np.ndarray:
        """Return the vectors `(windows, size)` float32 of `(samples,)` float32."""
        recipe = self.recipe
        windows = np.stack([samples[start : start + recipe.window] for start in recipe.starts])
        return self.model.vectors(windows)

    def __getstate__(self) -> dict[str, Any]:
        return {"recipe": self.recipe, "path": self.path}  # a model does not travel
