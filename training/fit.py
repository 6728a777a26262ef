"""One training run in one folder, which goes on where it stopped."""

import hashlib
import json
import logging
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn
from torch.utils.data import DataLoader

from features.tensors import recorded_recipe
from stores.files import read_json, write_json
from training.artefact import Artefact
from training.checkpoints import Checkpoints
from training.errors import TrainingError
from training.imports import imported_files
from training.models import Model
from training.models.build import build
from training.models.crops import Standard
from training.module import Classifier
from training.normalise import TrainStatistics
from training.settings import Training
from training.start import start_from
from training.stream import ClipStream

log = logging.getLogger("otogura")

SIGTERM_EXIT = 143


@dataclass(frozen=True)
class Fitted:
    """The network that a run keeps, in float32 on the CPU, and the history of its epochs."""

    network: nn.Module
    history: list[dict[str, float]]


def fit(
    folder: Path,
    train: ClipStream,
    validation: ClipStream | None,
    *,
    classes: Sequence[str],
    model: Model,
    training: Training,
    identity: dict[str, Any],
    class_weights: Sequence[float] | None = None,
    standard: Standard | TrainStatistics | None = None,
    start: Artefact | None = None,
    callbacks: Sequence[pl.Callback] = (),
    until: float | None = None,
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
    class_weights : sequence of float, optional
        In the loss, one for each class; their mean over the training clips is 1.
    standard : Standard or TrainStatistics, optional
        Of the training clips: for networks whose tensors are not normalised, or where they are normalised by it
        (`training.normalise`), for which the streams give the statistics of each clip.
    start : Artefact, optional
        Whose weights to begin with, but for the rows of other classes.
    callbacks : sequence of lightning.pytorch.Callback, optional
        Of those who watch, and may raise to break off.
    until : float, optional
        When `max_time` will have come, on the monotonic clock; one epoch is trained in any case.

    Raises `TrainingError` when it has come, or training has gone astray.
    """
    settings = training.model_dump(mode="json", exclude={"max_time"})
    state = {**identity, "model": model.model_dump(mode="json"), "training": settings, "class_weights": class_weights}
    state |= {"code": code_digest(model.name)} | ({} if start is None else {"start": start.version})
    state_path = folder / "run.json"
    checkpoints = Checkpoints(folder / "checkpoints", training)
    if not state_path.is_file() or read_json(state_path) != json.loads(json.dumps(state)):
        checkpoints.clear()
        write_json(state_path, state)
    pl.seed_everything(training.seed, verbose=False)
    recipe = recorded_recipe(train.store.manifest["recipe"])
    network = build(model, len(classes), recipe, standard)
    if start is not None:
        kept_classes = start_from(network, start, model=model, classes=list(classes), recipe=recipe)
        log.info("starting from %s, with the rows of %s", start.folder, ", ".join(kept_classes) or "no class")
    if not checkpoints.finished():
        limit = [] if until is None else [_TimeLimit(until)]
        _train(checkpoints, network, train, validation, training, class_weights, [*callbacks, *limit])
    if not checkpoints.finished():
        raise TrainingError(
            f"max_time has come after epoch {len(checkpoints.history())} of {training.epochs}; the same command goes on"
        )
    prefix = "average.module." if training.average else "network."
    saved = checkpoints.kept()["state_dict"]
    weights = {name.removeprefix(prefix): value for name, value in saved.items() if name.startswith(prefix)}
    network.load_state_dict(weights)
    return Fitted(network.cpu().eval(), checkpoints.history())


def device_of(training: Training) -> torch.device:
    """Return the GPU if there is one, unless the settings name a device."""
    if training.device != "auto":
        return torch.device(training.device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision_of(training: Training) -> str:
    """Return Lightning's name of the precision; `auto` is bf16 only where the hardware computes it itself."""
    names = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
    if training.precision != "auto":
        return names[training.precision]
    if device_of(training).type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return names["bfloat16" if fast else "float16"]
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return names["bfloat16" if fast else "float32"]


def _train(
    checkpoints: Checkpoints,
    network: nn.Module,
    train: ClipStream,
    validation: ClipStream | None,
    training: Training,
    class_weights: Sequence[float] | None,
    callbacks: Sequence[pl.Callback],
) -> None:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    module = Classifier(network, training, None if class_weights is None else torch.tensor(class_weights))
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = pl.Trainer(
        accelerator="gpu" if device_of(training).type == "cuda" else "cpu",
        devices=1,
        precision=precision_of(training),  # type: ignore[arg-type]
        max_epochs=training.epochs,
        gradient_clip_val=training.gradient_clip,
        accumulate_grad_batches=training.accumulate,
        callbacks=[
            *callbacks,
            checkpoints,
            _Epochs(train),
        ],
        logger=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty() and parent_process() is None,  # workers share one terminal
    )
    resumed = checkpoints.last_path if checkpoints.last_path.is_file() else None
    if resumed:
        log.info("going on after epoch %d", len(checkpoints.history()))
    try:
        with warnings.catch_warnings():
            # The stream reads ahead in threads of its own; worker processes would only copy its batches once more.
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*`IterableDataset` has `__len__` defined.*")
            warnings.filterwarnings(
                "ignore", message=".*You defined a `validation_step` but have no `val_dataloader`.*"
            )
            # Lightning's own use of a part of torch that is on its way out.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")
            validating = None if validation is None else _loader(validation)
            trainer.fit(module, _loader(train), validating, ckpt_path=resumed, weights_only=True)
    except SIGTERMException:
        raise SystemExit(SIGTERM_EXIT) from None  # Lightning's own exception exits with 0
    if trainer.received_sigterm:
        raise SystemExit(SIGTERM_EXIT)


class _Epochs(pl.Callback):
    """Callback that tells the stream the number of each epoch."""

    def __init__(self, stream: ClipStream) -> None:
        self._stream = stream

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stream.set_epoch(trainer.current_epoch)


class _TimeLimit(pl.Callback):
    """Callback that stops after an epoch when another one would take longer than is left.

    Lightning's own timer counts what earlier runs took as well, or stops within an epoch.
    """

    def __init__(self, end: float) -> None:
        self._end = end
        self._began = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        now = time.monotonic()
        trainer.should_stop = trainer.should_stop or now + (now - self._began) > self._end


def _loader(stream: ClipStream) -> DataLoader[Any]:
    """Return a loader for Lightning, which passes the stream's own batches on."""
    return DataLoader(stream, batch_size=None)


def code_digest(model: str) -> str:
    """Return a hash of the code that decides what weights a model gets."""
    code = hashlib.blake2b(digest_size=16)
    for path in weights_code(model):
        code.update(path.read_bytes())
    return code.hexdigest()


def weights_code(model: str) -> list[Path]:
    """Return the files of `training` that decide the weights of a model: imports of this module and of its network.

    Reports, evaluation and other networks may change without training again. Code of `features` and `stores` does not
    count: the identity of a store stands for what made its tensors.
    """
    folder = f"training.models.{model}"
    return imported_files([__name__, f"{folder}.settings", f"{folder}.network"], within=("training",), discovered=False)
