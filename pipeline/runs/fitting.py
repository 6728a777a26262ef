"""Training of a run: its streams, and what else `fit` is told of it."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from features.recipe import ORIGINAL
from pipeline.corpus.sides import SIDES, TRAIN, VALIDATION, Sides
from pipeline.runs.copies import CopySplit
from pipeline.runs.run import Run
from training.artefact import read_artefact
from training.devices import device_of
from training.evaluation.predict import gathered, predict
from training.evaluation.predictions import Predictions
from training.fit import Fitted, fit
from training.loop import BeforeEpoch
from training.models.base import OneChannelModel
from training.models.crops import Standard
from training.normalise import TrainStatistics, fitted_statistics
from training.settings import Training
from training.standard import fitted_standard
from training.stream import ClipStream
from training.tasks import MULTICLASS, Task


def fit_run(
    folder: Path,
    sides: Sides,
    run: Run,
    init_from: Path | None = None,
    before_epoch: BeforeEpoch | None = None,
    until: float | None = None,
    copies: CopySplit | None = None,
    label: str = "",
) -> Fitted:
    """`fit` on the training clips, and on those that validate; no clip that tests is read.

    With `copies` tensors train and validate as they say; weights of classes and statistics stay those of the training
    clips. `label` names the run in its progress.
    """
    store, training, labels = run.store, run.setup.training, run.labels
    variants = shown_variants(run)
    train = train_stream(sides, run, copies, **rank_options(run))
    standard: Standard | TrainStatistics | None = None
    if isinstance(run.setup.model, OneChannelModel):
        standard = fitted_standard(store, sides.train, variants)
    elif training.normalise == "train":
        standard = fitted_statistics(store, sides.train, variants)
    validation = None
    if training.validates:
        validation = side_stream(VALIDATION, sides, run, copies)
    return fit(
        folder,
        train,
        validation,
        classes=run.classes,
        model=run.setup.model,
        training=training,
        identity={"store": store.identity, "split": (sides if copies is None else copies).digest()},
        class_weights=class_weights(training, labels[sides.train], len(run.classes), run.positive_number, run.task),
        standard=standard,
        start=None if init_from is None else read_artefact(init_from),
        before_epoch=before_epoch,
        until=until,
        label=label,
        ranks=run.ranks,
        task=run.setup.task,
    )


def rank_options(run: Run) -> dict[str, int]:
    """Return the options of streams that give this rank its part; none where it trains alone."""
    ranks = run.ranks
    if ranks.size == 1:
        return {}
    return {
        "batch_size": run.setup.training.batch_size // ranks.size,
        "rank": ranks.rank,
        "world_size": ranks.size,
    }


def predict_side(network: nn.Module, side: int, sides: Sides, run: Run, copies: CopySplit | None = None) -> Predictions:
    """Return the predictions for the clips, or the copies, of a side: to the first rank all, to others their own."""
    stream = side_stream(side, sides, run, copies)
    return gathered(predict(network, stream, device_of(run.setup.training), run.task), stream, run.ranks)


def side_stream(side: int, sides: Sides, run: Run, copies: CopySplit | None = None) -> ClipStream:
    """Return the stream of this rank's part of the clips, or the copies, of a side, as they are evaluated."""
    part = rank_options(run)
    if copies is None:
        return originals(getattr(sides, SIDES[side]), run, **part)
    return stream_of(copies, side, run, **part)


def train_stream(sides: Sides, run: Run, copies: CopySplit | None = None, **options: Any) -> ClipStream:
    """Return the stream that a run is trained on, with `options` such as rank and world size in place of its own."""
    training = run.setup.training
    rows, shown = (sides.train, None) if copies is None else copies.of(TRAIN)
    own: dict[str, Any] = {
        "batch_size": training.batch_size,
        "variants": shown_variants(run),
        "choice": "one" if training.variants == "one" else "all",
        "views": training.views,
        "shuffle": True,
        "seed": training.seed,
        "pin": device_of(training).type == "cuda",
        "expand": False,
        "statistics": training.normalise == "train",
        "shown": shown,
    }
    return ClipStream(run.store, rows, run.labels, **own | options)


def shown_variants(run: Run) -> tuple[str, ...]:
    """Return the variants that a run is trained on."""
    return (ORIGINAL,) if run.setup.training.variants == "original" else run.store.variants


def tensors_per_epoch(sides: Sides, run: Run) -> int:
    """Return the number of tensors that an epoch trains on: of each clip every variant, or one, for each view."""
    training = run.setup.training
    return len(sides.train) * training.views * (1 if training.variants == "one" else len(shown_variants(run)))


def originals(rows: np.ndarray, run: Run, **options: Any) -> ClipStream:
    """Return a stream of clips as they were recorded, in the order of the store; `options` are those of a rank."""
    return _in_order(rows, run, **options)


def stream_of(copies: CopySplit, side: int, run: Run, **options: Any) -> ClipStream:
    """Return a stream of the tensors on a side, in the order of the store; `options` are those of a rank."""
    rows, shown = copies.of(side)
    return _in_order(rows, run, variants=copies.variants, shown=shown, **options)


def _in_order(rows: np.ndarray, run: Run, **options: Any) -> ClipStream:
    training = run.setup.training
    own = {"batch_size": training.batch_size, "expand": False, "statistics": training.normalise == "train"}
    return ClipStream(run.store, rows, run.labels, **own | options)


def class_weights(
    training: Training, labels: np.ndarray, classes: int, positive: int | None, task: Task = MULTICLASS
) -> list[Any] | None:
    """Return weights in the loss, whose mean over the training clips with these `labels` is 1.

    There is one for each class. With several labels there are two lists, with the weights of the clips without each
    label and of those with it.
    """
    weight = training.class_weight
    if weight == "none":
        return None
    present = task.counts(labels, classes)
    counts = np.stack([len(labels) - present, present]) if task.several else present
    if weight == "balanced":
        weights: np.ndarray = len(labels) / (len(counts) * counts)
    elif task.several:
        relative = np.array([[1.0], [weight]])
        weights = relative * len(labels) / (counts * relative).sum(axis=0)
    else:
        relative = np.where(np.arange(classes) == positive, weight, 1.0)
        weights = relative * len(labels) / (counts @ relative)
    listed: list[Any] = weights.tolist()
    return listed
