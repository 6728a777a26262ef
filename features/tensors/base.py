"""The contract of the kinds of tensors, and the steps that they share."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from features.kernels.half import interleave_half
from features.recipe import central


@dataclass(frozen=True)
class Tensor:
    """One variant of one clip.

    Attributes
    ----------
    values : np.ndarray [shape=recipe.shape, dtype=recipe.dtype]
    statistics : np.ndarray [shape=(len(recipe.statistics), 2), dtype=float64]
        Location and scale of each group of values.
    """

    values: np.ndarray
    statistics: np.ndarray


class TensorAssembly(Protocol):
    """Maker of the tensors of one recipe, with its constants; the class `Assembly` in the `assembly.py` of a kind."""

    def __call__(self, source: Any, /) -> Tensor:
        """Return the tensor of a `Sound` at the recipe's rate, of any length, or of the values of a ready-made one."""
        ...


def centre(rows: np.ndarray, frames: int) -> np.ndarray:
    """Return at most `frames` frames from the centre of `(rows, any)`."""
    start = max(0, (rows.shape[1] - frames) // 2)
    return rows[:, start : start + frames]


def of_length(samples: np.ndarray, length: int) -> np.ndarray:
    """Return the centre of `(samples,)`, at most `length` of it; shorter ones are reflected to that length."""
    if len(samples) < length:
        left = (length - len(samples)) // 2
        return np.pad(samples, (left, length - len(samples) - left), mode="reflect")
    return samples[central(len(samples), length)]


def stored(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return finite values as `dtype`; those beyond its range become the nearest that it holds."""
    top = np.finfo(dtype).max
    return np.clip(values, -top, top).astype(dtype)


def channels_last(planes: np.ndarray, frames: int, dtype: str) -> np.ndarray:
    """Return `(channels, rows, at most frames)` float32 as `(rows, frames, channels)`, reflected to that length.

    Values beyond the range of `dtype` become the nearest that it holds.
    """
    channels, rows, count = planes.shape
    values = np.empty((rows, frames, channels), dtype)
    left = (frames - count) // 2
    if dtype == "float16" and channels == 4:
        interleave_half(planes, left, values.view(np.uint16))
    else:
        values[:, left : left + count] = stored(planes, dtype).transpose(1, 2, 0)
    places = np.pad(np.arange(left, left + count), (left, frames - count - left), mode="reflect")
    for outside in (slice(left), slice(left + count, frames)):
        values[:, outside] = values[:, places[outside]]
    return values
