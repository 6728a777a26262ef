"""A training step of every network, with its default settings, on tensors that lie on the device."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from benchmarks.gpu.devices import finished, precisions
from benchmarks.gpu.sizes import Sizes
from benchmarks.measure import medians
from features.tensors import AnyRecipe, recorded_recipe
from features.tensors.four_channel import Recipe
from training.learner import Learner
from training.models import MODELS
from training.models.build import build
from training.settings import Training

CLASSES = 10


@dataclass(frozen=True)
class Step:
    """Time of one training step of a network."""

    network: str
    precision: str
    batch_size: int
    shape: tuple[int, ...]
    parameters: int
    ms: float


def steps(device: torch.device, sizes: Sizes) -> Iterator[Step]:
    for name in MODELS:
        for precision in precisions(device):
            yield _step(name, precision, device, sizes)


def _step(name: str, precision: str, device: torch.device, sizes: Sizes) -> Step:
    kind = MODELS[name]
    recipe = recorded_recipe(kind.recipes[kind.default_recipe({})])
    if isinstance(recipe, Recipe):
        recipe = replace(recipe, frames=sizes.frames)
    training = Training.model_validate({"device": device.type, "precision": precision})
    network = build(kind(name=name), CLASSES, recipe)
    learner, batch = Learner(network, training), _batch(recipe, sizes.network_batch, device)

    def run() -> None:
        for _ in range(sizes.network_steps):
            learner.learn(batch)
            learner.step()

    (seconds,) = medians(finished(device, run), runs=sizes.runs)
    ms = 1000 * seconds / sizes.network_steps
    parameters = sum(weight.numel() for weight in network.parameters())
    return Step(name, precision, sizes.network_batch, recipe.shape, parameters, ms)


def _batch(recipe: AnyRecipe, count: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Return a batch of noise as a stream gives it, but on the device."""
    features = torch.randn(count, *recipe.shape, device=device).half()
    numbers = torch.arange(count, device=device)
    return {
        "features": features.permute(0, 3, 1, 2) if features.ndim == 4 else features,
        "label": numbers % CLASSES,
        "key": numbers,
    }
