"""Open stores, stream their batches, extract features, train, and answer recordings: for notebooks and scripts.

Examples
--------
>>> import otogura
>>> store = otogura.open_store("work/stores/genres-demo-34bfcb93")
>>> batch = next(iter(otogura.stream(store, batch_size=16, variants=store.variants, shuffle=True)))
>>> tensor = otogura.extract("work/demo/genres/funk/funk-00.wav", otogura.Recipe(frames=216))
"""

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
    from training.inference.model import TrainedModel
    from training.stream import ClipStream

__all__ = [
    "LogMelRecipe",
    "Recipe",
    "SpectrogramRecipe",
    "Store",
    "WaveformRecipe",
    "__version__",
    "extract",
    "load_model",
    "open_store",
    "stream",
    "train",
]

__version__ = "0.1.0"


def extract(path: str | Path, recipe: SoundRecipe | None = None, variant: str = ORIGINAL) -> np.ndarray:
    """Compute the tensor of one audio file, the same bytes as in a store.

    Parameters
    ----------
    path : path
        Audio file of any format that soundfile reads, at any rate and channel count.
    recipe : Recipe, LogMelRecipe or WaveformRecipe, optional
        By default a `Recipe`, which has 1320 frames of 128 rows at 22 050 Hz.
    variant : str, default "original"
        "original", or the name of an augmentation of the recipe.

    Returns
    -------
    np.ndarray [shape=recipe.shape, dtype=recipe.dtype]
        For a `Recipe` `(rows, frames, channels)`, for a `WaveformRecipe` `(samples,)`.

    Raises
    ------
    ValueError
        If the index of a corpus would not take the file, with its reason: undecodable, truncated, empty, not finite,
        too loud; or if the recipe has no such variant.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import otogura
    >>> recipe = otogura.Recipe(frames=216)
    >>> tensor = otogura.extract("work/demo/genres/funk/funk-00.wav", recipe, "pitch")
    >>> tensor.shape, tensor.dtype
    ((128, 216, 4), dtype('float16'))
    """
    return extractor.extract(path, recipe or Recipe(), variant)


def stream(
    store: Store,
    rows: Sequence[int] | np.ndarray | None = None,
    *,
    batch_size: int = 16,
    variants: Sequence[str] = (ORIGINAL,),
    choice: Literal["all", "one"] = "all",
    views: int = 1,
    shuffle: bool = False,
    block: int = 1,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin: bool = False,
    expand: bool = True,
    statistics: bool = False,
    shown: np.ndarray | None = None,
) -> "ClipStream":
    """Stream batches of a store's clips, read by threads ahead of whoever takes them.

    Parameters
    ----------
    store : Store
    rows : sequence of int, optional
        Clips to give, by their row numbers; by default all.
    batch_size : int, default 16
        Clips per batch and rank.
    variants : sequence of str, default ("original",)
        Variants of a clip that are given.
    choice : {"all", "one"}, default "all"
        Give every variant of every clip in an epoch, or one per clip and view, drawn anew each epoch.
    views : int, default 1
        Number of times that an epoch gives each of these.
    shuffle : bool, default False
        Take a new order each epoch, and leave out the last incomplete batch.
    block : int, default 1
        When shuffling, read this many clips that lie side by side in the store together, for disks that seek.
    seed : int, default 0
        Seed of the order and of the variants that are drawn.
    rank, world_size : int, default 0 and 1
        Number of this process, and number of processes that share the clips.
    pin : bool, default False
        Put batches into pinned memory, for faster copies to a GPU.
    expand : bool, default True
        Give the tensors of a compact store as those of a dense one.
    statistics : bool, default False
        Give location and scale of each clip as well, by which its tensor was normalised.
    shown : array of bool, shape (clips, variants), optional
        Variants of each of `rows` that may be given, at least one of each; by default all of them.

    Returns
    -------
    ClipStream
        Iterating gives one epoch of dictionaries of tensors: `features` `(batch, channels, rows, frames)`, or
        `(batch, samples)` where the store holds waveforms; `label`, `row`, `variant` and `key` `(batch,)` int64.
        Labels are numbered in alphabetical order; a clip without one has -1.

    Raises
    ------
    ValueError
        If a number is out of range, the store lacks a variant, or not every rank can be given a clip.

    Examples
    --------
    >>> import otogura
    >>> store = otogura.open_store("work/stores/genres-demo-34bfcb93")
    >>> batches = otogura.stream(store, batch_size=16, variants=store.variants, choice="one", shuffle=True)
    >>> for batch in batches:
    ...     features, label = batch["features"], batch["label"]
    >>> features.shape, features.dtype, label.shape
    (torch.Size([16, 4, 128, 216]), torch.float16, torch.Size([16]))
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
        views=views,
        shuffle=shuffle,
        block=block,
        seed=seed,
        rank=rank,
        world_size=world_size,
        pin=pin,
        expand=expand,
        statistics=statistics,
        shown=shown,
    )


def train(config: str | Path, experiment: str) -> dict[str, Any]:
    """Train an experiment of a configuration, as `snakemake train_<experiment>` does, in this process.

    What training reads, such as the store, is brought up to date before by Snakemake in a process of its own. An event
    loop may run, as in a notebook. Ctrl-C, or the notebook's stop button, saves a checkpoint; the same call goes on
    from there, and a run that is finished is loaded.

    Parameters
    ----------
    config : path
        Configuration file.
    experiment : str
        Name of one of its experiments.

    Returns
    -------
    dict
        Scores of the run by name, as in its `metrics.json`: `accuracy`, `macro_f1`, `loss`, `history` and others. Over
        folds they are in `mean` and `sd`.

    Raises
    ------
    pipeline.support.errors.InputError
        If the configuration, or what it names, has a mistake.
    training.errors.TrainingError
        If `max_time` has come, or the loss is not finite.

    Examples
    --------
    >>> import otogura
    >>> metrics = otogura.train("config/config.yaml", "genre")
    >>> low, high = metrics["intervals"]["accuracy"]
    >>> low <= metrics["accuracy"] <= high
    True
    """
    from pipeline.workflow.notebook import train_from  # torch takes seconds to import

    return train_from(Path(config), experiment)


def load_model(path: str | Path, device: Literal["auto", "cpu", "cuda"] = "auto") -> "TrainedModel":
    """Load a trained model, to answer recordings as the evaluation of its run would. Nothing in its files is executed.

    Parameters
    ----------
    path : path
        Folder of a run or of one of its folds, such as `work/runs/genre`, or any other folder with `model.json` and
        `model.safetensors`; below `work/runs` its name is enough.
    device : {"auto", "cpu", "cuda"}, default "auto"
        Device of the network; by default a GPU if there is one.

    Returns
    -------
    TrainedModel
        With `classes`, `version` and the method `predict`, which takes a file, or samples and their rate in Hz.

    Raises
    ------
    pipeline.support.errors.InputError
        If there is no model.
    training.errors.ArtefactError
        If its files are not those of one model, or its features are not those that this otogura computes.

    Examples
    --------
    >>> import otogura
    >>> model = otogura.load_model("work/runs/genre")
    >>> answer = model.predict("work/demo/genres/funk/funk-00.wav")
    >>> sorted(answer.probabilities) == sorted(model.classes)
    True
    """
    from pipeline.predict.models import model_folder  # torch takes seconds to import
    from training.inference.model import TrainedModel

    return TrainedModel(model_folder(path, Path("work")), device)
