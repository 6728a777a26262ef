"""Weights of an earlier run as the beginning of another: kept by the names of classes."""

import torch
from torch import nn

from features.tensors import AnyRecipe
from training.artefact import Artefact
from training.errors import TrainingError
from training.models import build
from training.settings import Model


def start_from(
    network: nn.Module, artefact: Artefact, *, model: Model, classes: list[str], recipe: AnyRecipe
) -> list[str]:
    """Copy weights into a network of these settings; returns the classes whose rows of the head were copied as well.

    Rows of classes that the artefact does not have stay as they are. Raises `TrainingError` where anything but the
    head has another shape.
    """
    head = _head(model, len(classes), recipe)
    weights = network.state_dict()
    kept = [name for name in classes if name in artefact.classes]
    to = [classes.index(name) for name in kept]
    source = [artefact.classes.index(name) for name in kept]
    for name in sorted(weights.keys() | artefact.weights.keys()):
        here, there = weights.get(name), artefact.weights.get(name)
        if (
            here is None
            or there is None
            or (there.shape[1:] if name in head else there.shape) != (here.shape[1:] if name in head else here.shape)
        ):
            raise TrainingError(
                f"init_from: expected a network of the same layers as in {artefact.folder}, but {name} is "
                f"{_size(here)} here and {_size(there)} there; give both experiments one model"
            )
        if name in head:
            here[to] = there[source]
        else:
            here.copy_(there)
    return kept


def _head(model: Model, classes: int, recipe: AnyRecipe) -> set[str]:
    """Names of the weights that have a row for each class."""
    with torch.random.fork_rng(devices=[]):
        fewer, more = (build(model, count, recipe).state_dict() for count in (classes, classes + 1))
    return {name for name, value in fewer.items() if value.shape != more[name].shape}


def _size(value: torch.Tensor | None) -> str:
    return "missing" if value is None else "×".join(map(str, value.shape)) or "one number"
