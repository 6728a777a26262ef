"""The Lightning module: loss, optimiser, learning rate and the history of a run."""

import logging
import math
import time
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.errors import TrainingError
from training.schedule import Schedule
from training.settings import Training

log = logging.getLogger("otogura")

BETAS = (0.9, 0.999)
EPS = 1e-7


class Classifier(pl.LightningModule):
    """Trains a network on batches of a `ClipStream`. `history` has one dictionary per finished epoch.

    `class_weights` `(classes,)` weigh the loss.
    """

    def __init__(self, network: nn.Module, settings: Training, class_weights: Tensor | None = None) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("class_weights", class_weights, persistent=False)  # the settings and the split say them
        self.class_weights: Tensor | None
        self.history: list[dict[str, float]] = []
        self._settings = settings
        self._sums: dict[str, Tensor] = {}
        self._started = time.monotonic()
        # Stepped here and not by Lightning, which saves its schedulers before it steps them.
        self._schedule: Schedule
        self._schedule_state: dict[str, Any] = {}

    def forward(self, features: Tensor) -> Tensor:
        """Logits `(batch, classes)` of features in any float type."""
        return self.network(features.float())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        settings = self._settings
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=settings.learning_rate,
            betas=BETAS,
            eps=EPS,
            weight_decay=settings.weight_decay,
        )
        self._schedule = Schedule(optimizer, settings.epochs, settings.schedule)
        return optimizer

    def on_train_start(self) -> None:
        if self._schedule_state:
            self._schedule.load_state_dict(self._schedule_state)

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        return self._step("train", batch)

    def validation_step(self, batch: dict[str, Tensor]) -> None:
        self._step("validation", batch)

    def on_train_epoch_start(self) -> None:
        self._started = time.monotonic()
        self._sums = {}

    def on_validation_epoch_end(self) -> None:
        self.log("validation_loss", self._mean("validation", "loss"))

    def on_train_epoch_end(self) -> None:
        """Lightning validates before it calls this, and writes checkpoints after it."""
        epoch = {"epoch": self.current_epoch, "learning_rate": self._schedule.optimizer.param_groups[0]["lr"]}
        for side in ("train", "validation"):
            for what in ("loss", "accuracy"):
                epoch[f"{side}_{what}"] = float(self._mean(side, what))
        if not math.isfinite(epoch["train_loss"]):
            raise TrainingError(
                f"the training loss is not finite in epoch {self.current_epoch + 1}; lower training.learning_rate"
            )
        self.history.append(epoch)
        self._schedule.step(epoch["validation_loss"])
        log.info(
            "epoch %d/%d: loss %.3f, validation loss %.3f, validation accuracy %.3f, %.1f s",
            self.current_epoch + 1,
            self._settings.epochs,
            epoch["train_loss"],
            epoch["validation_loss"],
            epoch["validation_accuracy"],
            time.monotonic() - self._started,
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"] = self.history
        checkpoint["schedule"] = self._schedule.state_dict()
        # Lightning keeps no random state, without which a resumed run would draw other dropout masks.
        checkpoint["random"] = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            checkpoint["random"]["cuda"] = torch.cuda.get_rng_state_all()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = checkpoint["history"]
        self._schedule_state = checkpoint["schedule"]
        torch.set_rng_state(checkpoint["random"]["cpu"])
        if torch.cuda.is_available() and "cuda" in checkpoint["random"]:
            torch.cuda.set_rng_state_all(checkpoint["random"]["cuda"])

    def _step(self, side: str, batch: dict[str, Tensor]) -> Tensor:
        label = batch["label"]
        logits = self(batch["features"]).float()
        loss = F.cross_entropy(logits, label, self.class_weights)
        clips = torch.tensor(len(label), device=loss.device)
        weight = clips if self.class_weights is None else self.class_weights[label].sum()
        self._add(f"{side} clips", clips)
        self._add(f"{side} weight", weight)
        self._add(f"{side} loss", loss.detach() * weight)
        self._add(f"{side} accuracy", (logits.argmax(dim=1) == label).sum())
        return loss

    def _add(self, name: str, value: Tensor) -> None:
        self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value

    def _mean(self, side: str, what: str) -> Tensor:
        return self._sums[f"{side} {what}"] / self._sums[f"{side} {'weight' if what == 'loss' else 'clips'}"]
