"""The optimiser of all networks."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

BETAS = (0.9, 0.999)
EPS = 1e-7


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), by torch's own function.

    `torch.optim.AdamW` around that function imports `torch._dynamo`, torch's compiler, as soon as one is made: longer
    than all else that a run imports. This class has of its interface what a `GradScaler` and `Schedule` use.
    """

    def __init__(self, weights: Iterable[Tensor], learning_rate: float, weight_decay: float) -> None:
        self._weights = list(weights)
        self.param_groups: list[dict[str, Any]] = [{"params": self._weights, "lr": learning_rate}]
        self._weight_decay = weight_decay
        self._means = [torch.zeros_like(weight) for weight in self._weights]
        self._squares = [torch.zeros_like(weight) for weight in self._weights]
        self._steps = [torch.zeros(()) for _ in self._weights]

    @torch.no_grad()
    def step(self) -> None:
        """Change the weights that have gradients."""
        parts = zip(self._weights, self._means, self._squares, self._steps, strict=True)
        moved = [(weight, weight.grad, *state) for weight, *state in parts if weight.grad is not None]
        weights, gradients, means, squares, steps = map(list, zip(*moved, strict=True)) if moved else ([],) * 5
        adamw(
            weights,
            gradients,
            means,
            squares,
            [],
            steps,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self.param_groups[0]["lr"],
            weight_decay=self._weight_decay,
            eps=EPS,
            maximize=False,
        )

    def zero_grad(self) -> None:
        for weight in self._weights:
            weight.grad = None

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return the moments and steps of all weights, in their order; the learning rate is the schedule's."""
        return {"means": self._means, "squares": self._squares, "steps": self._steps}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        for name, own in self.state_dict().items():
            for value, loaded in zip(own, state[name], strict=True):
                value.copy_(loaded)
