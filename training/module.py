"""The Lightning module: loss, optimiser, learning rate and the history of a run."""

import logging
import math
import time
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.augment import augmented, mixed, mixture
from training.errors import TrainingError
from training.models.crops import Crops
from training.normalise import features_for
from training.schedule import Schedule
from training.settings import Training

log = logging.getLogger("otogura")

BETAS = (0.9, 0.999)
EPS = 1e-7

LOGGED = ("train_loss", "validation_loss", "validation_accuracy")  # of an epoch, in its line of the log


class Classifier(pl.LightningModule):
    """Lightning module that trains a network on batches of a `ClipStream`.

    `history` has one dictionary per finished epoch. `kept_network` is the one to be kept: the weights' moving average,
    if the settings ask for it, or else the network itself.

    The loss of a step is the weighted sum over all clips of its batches divided by their number. So is that of an epoch
    in the history.

    Parameters
    ----------
    network : nn.Module
    settings : Training
    class_weights : Tensor, shape (classes,), optional
        In the loss. Their mean over the training clips is 1, so that no batch needs a mean of its own.
    """

    def __init__(self, network: nn.Module, settings: Training, class_weights: Tensor | None = None) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("class_weights", class_weights, persistent=False)  # the settings and the split say them
        self.class_weights: Tensor | None
        self.average: AveragedModel | None = None
        if settings.average:
            averaging = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]  # torch's
            self.average = AveragedModel(network, multi_avg_fn=averaging, use_buffers=True)
        self.history: list[dict[str, float]] = []
        self._settings = settings
        self._sums: dict[str, Tensor] = {}
        self._started = time.monotonic()
        # Stepped here and not by Lightning, which saves its schedulers before it steps them.
        self._schedule: Schedule
        self._schedule_state: dict[str, Any] = {}

    @property
    def kept_network(self) -> nn.Module:
        return self.network if self.average is None else self.average.module

    def forward(self, features: Tensor) -> Tensor:
        """Return logits `(batch, classes)` of features in any float type."""
        network = self.network if self.training else self.kept_network
        return network(features.float())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        settings = self._settings
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
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

    def on_before_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        """Add to a batch the shares of its mixture, which are drawn on the CPU."""
        alpha = self._settings.augment.mixup
        return {**batch, "share": mixture(batch["key"], alpha)} if alpha and self.training else batch

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        features, settings, share = features_for(self.network, batch), self._settings, batch.get("share")
        if isinstance(self.network, Crops):
            features = augmented(features, settings.augment, self.network.size, self.network.mean, batch["key"])
        if share is not None:
            features = mixed(features, share)
        # Lightning divides by `accumulate`, also where an epoch ends with fewer batches in its last step.
        return self._step("train", features, batch["label"], share) * (settings.accumulate / self._addends(batch_idx))

    def _addends(self, batch_idx: int) -> int:
        """Return the number of batches, all equally large, whose gradients are added up for the step of this batch."""
        accumulate = self._settings.accumulate
        return min(accumulate, int(self.trainer.num_training_batches) - batch_idx // accumulate * accumulate)

    def validation_step(self, batch: dict[str, Tensor]) -> None:
        self._step("validation", features_for(self.kept_network, batch), batch["label"])

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        super().optimizer_step(*arguments, **options)
        if self.average is not None:
            self.average.update_parameters(self.network)

    def on_train_epoch_start(self) -> None:
        self._started = time.monotonic()
        self._sums = {}

    def on_train_epoch_end(self) -> None:
        """Add the epoch to the history: after Lightning has validated, and before it writes checkpoints."""
        epoch = {"epoch": self.current_epoch, "learning_rate": self._schedule.optimizer.param_groups[0]["lr"]}
        for side in ("train", "validation")[: 2 if "validation loss" in self._sums else 1]:
            for metric in ("loss", "accuracy"):
                epoch[f"{side}_{metric}"] = float(self._mean(side, metric))
        if not math.isfinite(epoch["train_loss"]):
            raise TrainingError(
                f"the training loss is not finite in epoch {self.current_epoch + 1}; lower training.learning_rate"
            )
        self.history.append(epoch)
        self._schedule.step(epoch.get("validation_loss"))
        metrics = [f"{name.replace('_', ' ')} {epoch[name]:.3f}" for name in LOGGED if name in epoch]
        log.info(
            "epoch %d/%d: loss %s, %.1f s",
            self.current_epoch + 1,
            self._settings.epochs,
            ", ".join(metrics).removeprefix("train loss "),
            time.monotonic() - self._started,
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"] = self.history
        checkpoint["schedule"] = self._schedule.state_dict()
        # Lightning keeps no random state, without which a resumed run would draw other dropout masks.
        checkpoint["random"] = random_states(self.trainer.strategy.root_device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = checkpoint["history"]
        self._schedule_state = checkpoint["schedule"]
        set_random_states(checkpoint["random"], self.trainer.strategy.root_device)

    def _step(self, side: str, features: Tensor, label: Tensor, share: Tensor | None = None) -> Tensor:
        """Return the mean loss of a batch; `share` `(batch,)` is that of each item that was mixed with the next."""
        logits = self(features).float()
        target = F.one_hot(label, logits.shape[1]).float()
        if share is not None:
            target = share[:, None] * target + (1 - share[:, None]) * target.roll(-1, dims=0)
        smoothing = self._settings.label_smoothing if side == "train" else 0.0
        summed = F.cross_entropy(logits, target, self.class_weights, reduction="sum", label_smoothing=smoothing)
        self._add(f"{side} clips", label.new_full((), len(label)))
        self._add(f"{side} loss", summed.detach())
        self._add(f"{side} accuracy", (logits.argmax(dim=1) == target.argmax(dim=1)).sum())
        return summed / len(label)

    def _add(self, name: str, value: Tensor) -> None:
        self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value

    def _mean(self, side: str, metric: str) -> Tensor:
        return self._sums[f"{side} {metric}"] / self._sums[f"{side} clips"]


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the generators that training on a device draws from: the CPU's, and that of a GPU.

    Those of other GPUs do not count: a run goes on where there are fewer.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Let the generators of a device go on from `states`, as far as it has those generators."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
