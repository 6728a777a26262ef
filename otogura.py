"""otogura for notebooks: open a store, stream its batches, extract the features of one file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow.compute as pc

from features import extractor
from features.recipe import ORIGINAL, SoundRecipe
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.spectrogram import SpectrogramRecipe
from features.tensors.waveform import WaveformRecipe
from stores import Store, open_store

if TYPE_CHECKING:
    from training.stream import ClipStream

__all__ = [
    "LogMelRecipe",
    "Recipe",
    "SpectrogramRecipe",
    "Store",
    "WaveformRecipe",
    "extract",
    "open_store",
    "stream",
]


def extract(path: str | Path, recipe: SoundRecipe | None = None, variant: str = ORIGINAL) -> np.ndarray:
    """The tensor of one audio file, the same bytes as in a store.

    Parameters
    ----------
    path : path
        Any format that soundfile reads, at any rate and channel count.
    recipe : Recipe, LogMelRecipe or WaveformRecipe, optional
        By default a `Recipe`, which has 1320 frames of 128 rows at 22 050 Hz.
    variant : str
        "original", or an augmentation of the recipe.

    Returns
    -------
    np.ndarray [shape=recipe.shape, dtype=recipe.dtype]

    Raises
    ------
    ValueError
        If the index of a corpus would not take the file, with its reason: undecodable, truncated, empty, not finite,
        too loud; or if the recipe has no such variant.
    OSError
        If the file cannot be read.
    """
    return extractor.extract(path, recipe or Recipe(), variant)


def stream(
    store: Store,
    rows: Sequence[int] | np.ndarray | None = None,
    *,
    batch_size: int = 16,
    variants: Sequence[str] = (ORIGINAL,),
    choice: Literal["all", "one"] = "all",
    shuffle: bool = False,
    seed: int = 0,
    **options: Any,
) -> "ClipStream":
    """Batches of a store's clips; all rows unless some are named. See `training.stream.ClipStream`.

    Labels are numbered in alphabetical order; a clip without one has -1.
    """
    from training.stream import ClipStream  # torch takes seconds to import

    column = store.rows["label"]
    names = column.unique().drop_null().sort()
    labels = pc.fill_null(pc.index_in(column, value_set=names), -1).to_numpy().astype(np.int64)
    return ClipStream(
        store,
        np.arange(len(store)) if rows is None else rows,
        labels,
        batch_size=batch_size,
        variants=variants,
        choice=choice,
        shuffle=shuffle,
        seed=seed,
        **options,
    )
