"""A network in training: its loss, optimiser, learning rate and moving average, and all of it as one state."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.augment import augmented, mixed, mixture
from training.devices import autocast, device_of, dtype_of, random_states, set_random_states
from training.errors import NotFinite
from training.models.crops import Crops
from training.normalise import features_for
from training.objective import objective_of
from training.optimizer import AdamW
from training.ranks import ALONE, Ranks
from training.schedule import Schedule
from training.settings import TaskName, Training
from training.sync_batchnorm import synchronise

Epoch = dict[str, float]  # of the history: `epoch`, `learning_rate`, and loss and accuracy of each side


class Learner:
    """Network that learns from batches of a `ClipStream`.

    The loss of a step is the weighted sum over all clips of its batches divided by their number. So is that of an epoch
    in the history.

    Parameters
    ----------
    network : nn.Module
        Moved to the device that the settings name.
    settings : Training
    class_weights : sequence, optional
        In the loss, as the `Objective` of the task has them. Their mean over the training clips is 1, so that no batch
        needs a mean of its own.
    ranks : Ranks, optional
        Processes that learn together: each is given its part of every batch, and all else is the same in all of them.
    task : str

    Attributes
    ----------
    history : list of Epoch
        One for each finished epoch.
    batches : int
        Number of batches of the epoch in progress that it has learned from.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: Training,
        class_weights: Sequence[Any] | None = None,
        ranks: Ranks = ALONE,
        task: TaskName = "multiclass",
    ) -> None:
        self.device, self._dtype = device_of(settings), dtype_of(settings)
        network.to(self.device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        if settings.sync_batchnorm and ranks.size > 1:
            synchronise(network)
        self.network = network
        self._settings, self._ranks = settings, ranks
        self._objective = objective_of(task)(class_weights, self.device)
        self.optimizer = AdamW(network.parameters(), settings.learning_rate, settings.weight_decay)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._dtype == torch.float16)
        self._schedule = Schedule(self.optimizer, settings.epochs, settings.schedule)
        self._average: AveragedModel | None = None
        if settings.average:
            averaging = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]  # torch's
            self._average = AveragedModel(network, multi_avg_fn=averaging, use_buffers=True)
        self._parallel = ranks.parallel(network)
        self.history: list[Epoch] = []
        self.batches = 0
        self._sums: dict[str, Tensor] = {}

    @property
    def kept_network(self) -> nn.Module:
        """The network to be kept: the weights' moving average, if the settings ask for it, or else the network."""
        return self.network if self._average is None else self._average.module

    def learn(self, batch: dict[str, Tensor], addends: int = 1, *, last: bool = True) -> None:
        """Add the gradient of a batch to that of the step, which is of `addends` batches, all equally large.

        With the `last` of them, several ranks exchange their gradients.
        """
        self._parallel.train()
        settings, share, ranks = self._settings, None, self._ranks
        ranks.draw_apart(settings.seed, len(self.history), self.batches)
        if settings.augment.mixup:  # drawn on the CPU
            share = mixture(batch["key"], settings.augment.mixup).to(self.device)
        batch = self._moved(batch)
        with ranks.adding_up(self._parallel, last=last):
            loss = self._loss_of(batch, share)
            self._scaler.scale(loss / addends).backward()  # type: ignore[no-untyped-call]  # torch's
        self.batches += 1

    def _loss_of(self, batch: dict[str, Tensor], share: Tensor | None) -> Tensor:
        settings = self._settings
        with autocast(self.device, self._dtype):
            features = features_for(self.network, batch)
            if isinstance(self.network, Crops):
                features = augmented(features, settings.augment, self.network.size, self.network.mean, batch["key"])
            if share is not None:
                features = mixed(features, share, self._ranks.following)
            return self.loss("train", self._parallel(features.float()), batch["label"], share)

    def step(self) -> None:
        """Change the weights by the gradients that were added up."""
        self._scaler.unscale_(self.optimizer)  # type: ignore[arg-type]  # it has what is used of one
        nn.utils.clip_grad_norm_(self.network.parameters(), self._settings.gradient_clip)
        self._scaler.step(self.optimizer)  # type: ignore[arg-type]
        self._scaler.update()
        self.optimizer.zero_grad()
        self._ranks.share_buffers(self.network)
        if self._average is not None:
            self._average.update_parameters(self.network)

    @torch.inference_mode()
    def validate(self, batch: dict[str, Tensor]) -> None:
        """Score a batch of clips that validate."""
        network, batch = self.kept_network.eval(), self._moved(batch)
        if not len(batch["label"]):  # the last batch of all ranks may have no clip for this one
            none = batch["label"].sum()
            self._count("validation", none.float(), none, 0)
            return
        with autocast(self.device, self._dtype):
            self.loss("validation", network(features_for(network, batch).float()), batch["label"])

    def end_epoch(self) -> Epoch:
        """Add the epoch to the history, and set the learning rate of the next one.

        Raises `NotFinite` where the training loss is not finite.
        """
        number = len(self.history)
        epoch: Epoch = {"epoch": number, "learning_rate": self.optimizer.param_groups[0]["lr"]}
        for side in ("train", "validation")[: 2 if "validation loss" in self._sums else 1]:
            for metric in ("loss", "accuracy"):
                epoch[f"{side}_{metric}"] = self.mean(side, metric)
        if not math.isfinite(epoch["train_loss"]):
            raise NotFinite(number, int(self._sums["train finite"]))
        self.history.append(epoch)
        self._schedule.step(epoch.get("validation_loss"))
        self.batches, self._sums = 0, {}
        return epoch

    def loss(self, side: str, logits: Tensor, label: Tensor, share: Tensor | None = None) -> Tensor:
        """Return the mean loss of a batch, and add it to the sums of the epoch.

        Of several ranks, the mean of what they return is the mean loss of their batch. `share` `(batch,)` is that of
        each item that was mixed with the next.
        """
        logits = logits.float()
        target = self._objective.target(label, logits.shape[1])
        if share is not None:
            target = share[:, None] * target + (1 - share[:, None]) * self._ranks.following(target)
        smoothing = self._settings.label_smoothing if side == "train" else 0.0
        summed = self._objective.loss_sum(logits, target, smoothing)
        clips = self._count(side, summed.detach(), self._objective.right(logits, target), len(label))
        return summed / len(label) if self._ranks.size == 1 else summed * self._ranks.size / clips

    def _count(self, side: str, loss: Tensor, right: Tensor, clips: int) -> Tensor:
        """Add the sums of a batch, over all ranks, to those of the epoch; return how many clips all ranks have."""
        total, right, count = self._ranks.totals(loss, right, right.new_full((), clips))
        for metric, value in (("clips", count), ("loss", total), ("accuracy", right)):
            self._add(f"{side} {metric}", value)
        if side == "train":  # batches before the first that is not finite: no wait for the GPU
            finite = self._sums.get("train finite", torch.zeros_like(total))
            self._sums["train finite"] = finite + (torch.isfinite(total) & (finite == self.batches))
        return count

    def mean(self, side: str, metric: str) -> float:
        """Return the mean of a sum over the clips of a side in this epoch."""
        return float(self._sums[f"{side} {metric}"] / self._sums[f"{side} clips"])

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on, but the position of the stream: taken between two steps."""
        return {
            "network": self.network.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "schedule": self._schedule.state_dict(),
            "history": self.history,
            "batches": self.batches,
            "sums": {name: value for name, value in self._sums.items() if name.startswith("train")},
            "random": random_states(self.device),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned. Validation, of which nothing is learned, begins anew."""
        self.network.load_state_dict(state["network"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self._schedule.load_state_dict(state["schedule"])
        self.history, self.batches = state["history"], state["batches"]
        self._sums = {name: value.to(self.device) for name, value in state["sums"].items()}
        set_random_states(state["random"], self.device)

    def _moved(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}

    def _add(self, name: str, value: Tensor) -> None:
        self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value
