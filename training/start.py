"""Weights of an earlier run as the beginning of another: kept by the names of classes."""

import torch
from torch import nn

from features.tensors import AnyRecipe
from training.artefact import Artefact
from training.errors import TrainingError
from training.models import Model
from training.models.build import build


def start_from(
    network: nn.Module, artefact: Artefact, *, model: Model, classes: list[str], recipe: AnyRecipe
) -> list[str]:
    """Copy weights into a network of these settings; return the classes whose rows of the head were copied as well.

    Rows of classes that the artefact does not have stay as they are. Raises `TrainingError` where anything but the
    head has another shape.
    """
    head = _head(model, len(classes), recipe)
    weights = network.state_dict()
    kept_classes = [name for name in classes if name in artefact.classes]
    to = [classes.index(name) for name in kept_classes]
    source = [artefact.classes.index(name) for name in kept_classes]
    for name in sorted(weights.keys() | artefact.weights.keys()):
        own, trained = weights.get(name), artefact.weights.get(name)
        first = 1 if name in head else 0  # rows of the head may differ
        if own is None or trained is None or trained.shape[first:] != own.shape[first:]:
            raise TrainingError(
                f"init_from: expected a network of the same layers as in {artefact.folder}, but {name} is "
                f"{_size(own)} here and {_size(trained)} there; give both experiments one model"
            )
        if name in head:
            own[to] = trained[source]
        else:
            own.copy_(trained)
    return kept_classes


def _head(model: Model, classes: int, recipe: AnyRecipe) -> set[str]:
    """Return the names of the weights that have a row for each class."""
    with torch.random.fork_rng(devices=[]):
        fewer, more = (build(model, count, recipe).state_dict() for count in (classes, classes + 1))
    return {name for name, value in fewer.items() if value.shape != more[name].shape}


def _size(value: torch.Tensor | None) -> str:
    return "missing" if value is None else "×".join(map(str, value.shape)) or "one number"
