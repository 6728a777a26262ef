"""The learning rate: warm-up, decay and cosine as one continuous function, times a factor that plateaus halve;
one cosine; or constant."""

import math
from typing import Any, Literal, Protocol

PUBLISHED_EPOCHS, WARM_UP, COSINE_FROM = 120, 15, 60
DECAY = 0.96
PLATEAU_EPOCHS = 10
COSINE_TO = 0.01  # of the base rate


def cosine_factor(epoch: int, epochs: int) -> float:
    """Return the factor on the base learning rate in `epoch` (from 0) of `epochs`: half a cosine from 1 to 0.01."""
    return COSINE_TO + (1 - COSINE_TO) * 0.5 * (1 + math.cos(math.pi * epoch / max(1, epochs - 1)))


def decay_factor(epoch: int, epochs: int) -> float:
    """Return the factor on the base learning rate in `epoch` (from 0) of `epochs`.

    For 120 epochs: (e+1)/15 up to 15, 0.96^(e-14) up to 60, then half a cosine from there down. Other lengths
    scale the two joints.
    """
    warm = max(1, round(WARM_UP * epochs / PUBLISHED_EPOCHS))
    joint = max(warm + 1, round(COSINE_FROM * epochs / PUBLISHED_EPOCHS))
    if epoch < warm:
        return (epoch + 1) / warm
    if epoch < joint:
        return float(DECAY ** (epoch - warm + 1))
    last = DECAY ** (joint - warm)
    return float(last * 0.5 * (1 + math.cos(math.pi * (epoch - joint + 1) / (epochs - joint + 1))))


class Optimizer(Protocol):
    """Optimiser whose groups of weights have a learning rate `lr`, as torch's have."""

    param_groups: list[dict[str, Any]]


class Schedule:
    """Scheduler that sets the learning rate once per epoch: the base × 1, `cosine_factor`, or `decay_factor` × plateau
    factor.

    The plateau factor starts at 1 and is halved after 10 epochs without a better validation loss, where clips validate.
    It is kept here, so that neither part undoes the other.
    """

    def __init__(
        self, optimizer: Optimizer, epochs: int, kind: Literal["decay", "cosine", "constant"] = "decay"
    ) -> None:
        self.optimizer = optimizer
        self._kind = kind
        self._epochs = epochs
        self._bases = [group["lr"] for group in optimizer.param_groups]
        self._plateau_factor = 1.0
        self._best = math.inf
        self._waited = 0
        self._epoch = 0
        self._set()

    def step(self, validation_loss: float | None) -> None:
        """Set the learning rate of the next epoch."""
        if validation_loss is None:
            pass
        elif validation_loss < self._best:
            self._best, self._waited = validation_loss, 0
        else:
            self._waited += 1
            if self._waited >= PLATEAU_EPOCHS:
                self._plateau_factor, self._waited = self._plateau_factor / 2, 0
        self._epoch += 1
        self._set()

    def _set(self) -> None:
        if self._kind == "cosine":
            factor = cosine_factor(self._epoch, self._epochs)
        elif self._kind == "constant":
            factor = 1.0
        else:
            factor = decay_factor(self._epoch, self._epochs) * self._plateau_factor
        for group, base in zip(self.optimizer.param_groups, self._bases, strict=True):
            group["lr"] = base * factor

    def state_dict(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._set()
