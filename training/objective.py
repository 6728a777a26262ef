"""Objectives: the loss of each task, and which of a batch's clips are answered rightly."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training.settings import TaskName


class Objective(ABC):
    """Base class of the objectives.

    Parameters
    ----------
    weights : nested sequence of float, optional
        Weights in the loss, whose mean over the training clips is 1.
    device : torch.device
    """

    def __init__(self, weights: Sequence[Any] | None, device: torch.device) -> None:
        self._weights = None if weights is None else torch.tensor(weights, device=device)

    @abstractmethod
    def target(self, label: Tensor, classes: int) -> Tensor:
        """Return what the network is to learn from the labels of a batch, `(batch, classes)` float32."""

    @abstractmethod
    def loss_sum(self, logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
        """Return the weighted sum of the losses of a batch, in nats.

        Parameters
        ----------
        logits, target : Tensor, shape (batch, classes)
        smoothing : float
            Share of the target that is spread evenly.
        """

    @abstractmethod
    def right(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the number of clips whose likeliest answer is right."""


class CrossEntropy(Objective):
    """Cross-entropy of one class for each clip; `weights` has a number for each class."""

    def target(self, label: Tensor, classes: int) -> Tensor:
        return F.one_hot(label, classes).float()

    def loss_sum(self, logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
        return F.cross_entropy(logits, target, self._weights, reduction="sum", label_smoothing=smoothing)

    def right(self, logits: Tensor, target: Tensor) -> Tensor:
        return (logits.argmax(dim=1) == target.argmax(dim=1)).sum()


class BinaryCrossEntropy(Objective):
    """Binary cross-entropy of each label, of which a clip has the mean over its labels.

    `weights` `(2, classes)` are those of clips without each label, and of clips with it.
    """

    def target(self, label: Tensor, classes: int) -> Tensor:
        return label.float()

    def loss_sum(self, logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
        smooth = target * (1 - smoothing) + smoothing / 2
        absent, present = (1.0, 1.0) if self._weights is None else self._weights
        losses = -present * smooth * F.logsigmoid(logits) - absent * (1 - smooth) * F.logsigmoid(-logits)
        return losses.mean(dim=1).sum()

    def right(self, logits: Tensor, target: Tensor) -> Tensor:
        return ((logits > 0) == (target > 0.5)).all(dim=1).sum()


def objective_of(task: TaskName) -> type[Objective]:
    """Return the objective of a task."""
    return BinaryCrossEntropy if task == "multilabel" else CrossEntropy


def mean_logits(parts: Tensor, task: TaskName) -> Tensor:
    """Return logits of the mean probabilities of the parts of clips; `parts` is `(parts, batch, classes)`."""
    if task == "multilabel":
        return F.logsigmoid(parts).logsumexp(dim=0) - F.logsigmoid(-parts).logsumexp(dim=0)
    return parts.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(parts))
