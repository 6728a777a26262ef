"""The two checkpoints of a run, complete or missing, and the epoch at which to stop."""

import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint

from stores.files import taking_place
from training.module import Classifier
from training.settings import Training


class Checkpoints(Checkpoint):
    """Writes `last.ckpt` after every epoch and, where the settings keep that, `best.ckpt` after one with the lowest
    validation loss so far.

    Which epoch is best and when patience ends follows from the module's history alone, which the checkpoints hold:
    a run that was interrupted anywhere, or moved, goes on as if nothing had happened. (Lightning's own callbacks
    forget the best score of a folder that was moved, and write through the system's temporary folder.)
    """

    def __init__(self, folder: Path, training: Training) -> None:
        self.last_path = folder / "last.ckpt"
        self.best_path = folder / "best.ckpt"
        self.kept_path = self.best_path if training.keep == "best" else self.last_path
        self._training = training

    def clear(self) -> None:
        """Remove the checkpoints of another run."""
        for path in (self.last_path, self.best_path):
            path.unlink(missing_ok=True)

    def kept(self) -> dict[str, Any]:
        """Return the checkpoint of a finished run."""
        return _load(self.kept_path)

    def history(self) -> list[dict[str, float]]:
        """Return the history of all finished epochs."""
        return _load(self.last_path)["history"] if self.last_path.is_file() else []

    def finished(self) -> bool:
        """Return True if nothing is left to train and the weights to be kept exist."""
        if not self.kept_path.is_file():
            self.clear()
            return False
        history = self.history()
        return len(history) >= self._training.epochs or self._patience_ended(history)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the checkpoints, after the module's own hook has added the epoch to the history."""
        assert isinstance(pl_module, Classifier)
        if self._is_best(pl_module.history):
            _save(trainer, self.best_path)
        _save(trainer, self.last_path)
        if self._patience_ended(pl_module.history):
            trainer.should_stop = True

    def _is_best(self, history: list[dict[str, float]]) -> bool:
        if self._training.keep == "last":
            return False
        losses = _losses(history)
        return len(losses) == 1 or losses[-1] < min(losses[:-1])

    def _patience_ended(self, history: list[dict[str, float]]) -> bool:
        if self._training.keep == "last":
            return False
        losses = _losses(history)
        return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= self._training.patience


def _losses(history: list[dict[str, float]]) -> list[float]:
    """Return the validation losses; one that is not a number becomes infinite, the worst."""
    return [math.inf if math.isnan(row["validation_loss"]) else row["validation_loss"] for row in history]


def _save(trainer: pl.Trainer, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with taking_place(path) as partial:
        trainer.save_checkpoint(partial)


def _load(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True)
