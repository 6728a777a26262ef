"""One training run in one folder, which goes on where it stopped."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from features.tensors import recorded_recipe
from stores.files import read_json, write_json
from training.artefact import Artefact
from training.checkpoints import Checkpoints
from training.imports import imported_files
from training.learner import Epoch, Learner
from training.loop import BeforeEpoch, run_epochs
from training.models import Model
from training.models.build import build
from training.models.crops import Standard
from training.models.own import OwnModel
from training.normalise import TrainStatistics
from training.ranks import ALONE, Ranks
from training.settings import TaskName, Training
from training.start import start_from
from training.stream import ClipStream

log = logging.getLogger("otogura")

# Settings that change no result: a run goes on with others.
NO_IDENTITY = {"max_time", "checkpoint_every", "leak_meter", "devices", "nodes"}


@dataclass(frozen=True)
class Fitted:
    """The network that a run keeps, in float32 on the CPU, and the history of its epochs."""

    network: nn.Module
    history: list[Epoch]


def fit(
    folder: Path,
    train: ClipStream,
    validation: ClipStream | None,
    *,
    classes: Sequence[str],
    model: Model,
    training: Training,
    identity: dict[str, Any],
    class_weights: Sequence[Any] | None = None,
    standard: Standard | TrainStatistics | None = None,
    start: Artefact | None = None,
    before_epoch: BeforeEpoch | None = None,
    until: float | None = None,
    label: str = "",
    ranks: Ranks = ALONE,
    task: TaskName = "multiclass",
) -> Fitted:
    """Train, or go on training, or load the weights if the same has been trained in this folder before.

    Parameters
    ----------
    folder : Path
        Checkpoints go here; those of another `identity` are removed.
    validation : ClipStream or None
        None where the settings have no clip validate.
    identity : dict
        All that decides the result besides the settings: the store and the split.
    class_weights : sequence, optional
        In the loss, as the `Objective` of the task has them; their mean over the training clips is 1.
    standard : Standard or TrainStatistics, optional
        Of the training clips: for networks whose tensors are not normalised, or where they are normalised by it
        (`training.normalise`), for which the streams give the statistics of each clip.
    start : Artefact, optional
        Whose weights to begin with, but for the rows of other classes.
    before_epoch : callable, optional
        Called before each epoch with the history so far and the network, when the checkpoint of the epoch before is
        written; may raise to break off.
    until : float, optional
        When `max_time` will have come, on the monotonic clock; one step is trained in any case.
    label : str, optional
        Name of the run among others, for its progress.
    ranks : Ranks, optional
        Processes that train together; each calls this with streams of its own part. The first one reads and writes the
        folder.
    task : str, optional

    Raises `TrainingError` when it has come, or training has gone astray.
    """
    settings = training.model_dump(mode="json", exclude=NO_IDENTITY)
    if not training.sync_batchnorm:  # as in runs from before there was this setting
        del settings["sync_batchnorm"]
    state = {**identity, "model": model.model_dump(mode="json"), "training": settings, "class_weights": class_weights}
    state |= {"code": code_digest(model)} | ({} if start is None else {"start": start.weights_digest})
    state |= {} if task == "multiclass" else {"task": task}
    state_path = folder / "run.json"
    checkpoints = Checkpoints(folder / "checkpoints", training)
    if ranks.first and (not state_path.is_file() or read_json(state_path) != json.loads(json.dumps(state))):
        checkpoints.clear()
        write_json(state_path, state)
    torch.manual_seed(training.seed)
    recipe = recorded_recipe(train.store.manifest["recipe"])
    network = build(model, len(classes), recipe, standard, task)
    if start is not None:
        kept_classes = start_from(network, start, model=model, classes=list(classes), recipe=recipe)
        log.info("starting from %s, with the rows of %s", start.folder, ", ".join(kept_classes) or "no class")
    saved = ranks.from_first(checkpoints.load() if ranks.first else None)
    if saved is None or not checkpoints.ended(saved.history):
        learner = Learner(network, training, class_weights, ranks, task)
        if saved is not None:
            learner.load_state_dict(saved.learner)
            train.load_state_dict(saved.stream)
            log.info("going on in epoch %d, after %d batches", len(learner.history) + 1, learner.batches)
        stopping: dict[str, Any] = {"before_epoch": before_epoch, "until": until}
        run_epochs(learner, train, validation, training, checkpoints, **stopping, label=label, ranks=ranks)
        saved = ranks.from_first(checkpoints.load() if ranks.first else None)
    assert saved is not None
    assert saved.kept is not None
    network.cpu().load_state_dict(saved.kept)
    return Fitted(network.eval(), saved.history)


def code_digest(model: Model) -> str:
    """Return a hash of the code that decides what weights a model gets."""
    code = hashlib.blake2b(digest_size=16)
    for path in weights_code(model):
        code.update(path.read_bytes())
    return code.hexdigest()


def weights_code(model: Model) -> list[Path]:
    """Return the files of `training` that decide the weights of a model: imports of this module and of its network.

    Reports, evaluation and other networks may change without training again. Code of `features` and `stores` does not
    count: the identity of a store stands for what made its tensors. A network of a user's own has a version among its
    settings.
    """
    parts = () if isinstance(model, OwnModel) else ("settings", "network")
    modules = [__name__, *(f"training.models.{model.name}.{part}" for part in parts)]
    return imported_files(modules, within=("training",), discovered=False)
