"""Features of users' own as tensors."""

from typing import Any

import numpy as np

from features.own import OwnPartError
from features.sound import Sound
from features.tensors.base import Tensor, of_length, stored
from features.tensors.own.recipe import OwnRecipe


class Assembly:
    """Maker of the tensors of a recipe of a user's own. It checks what the user's class returns."""

    def __init__(self, recipe: OwnRecipe) -> None:
        self.recipe = recipe

    def __call__(self, sound: Sound) -> Tensor:
        """Return the tensor of a sound; the statistics are mean and population sd of the values.

        Raises `OwnPartError` where the class returns no finite values of the shape that it declares, or writes to the
        samples.
        """
        recipe = self.recipe
        samples = of_length(sound.samples, recipe.samples).view()
        samples.flags.writeable = False
        try:
            values = recipe.feature.compute(samples, recipe.sample_rate_hz)
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise OwnPartError(f"{recipe.reference}: compute: expected to leave samples alone; copy them") from error
        if fault := _fault(values, recipe.feature.shape):
            raise OwnPartError(f"{recipe.reference}: compute: expected {fault}")
        statistics = np.array([(values.mean(dtype=np.float64), values.std(dtype=np.float64))])
        return Tensor(stored(values, recipe.dtype).reshape(recipe.shape), statistics)


def _fault(values: Any, shape: tuple[int, ...]) -> str:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.shape != shape:
        array = isinstance(values, np.ndarray)
        got = f"{values.dtype} {values.shape}" if array else type(values).__name__
        return f"floats of the shape {shape}, got {got}"
    if not np.isfinite(values).all():
        return "finite values, got NaN or infinite ones"
    return ""
