"""The trained model as it is used elsewhere: weights in safetensors, and a description in JSON."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor, nn

from stores.files import read_json, write_bytes, write_json
from training.models import Model

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"


@dataclass(frozen=True)
class Artefact:
    """Weights by name, and the classes in the order of the network's outputs."""

    folder: Path
    weights: dict[str, Tensor]
    classes: list[str]
    recipe: dict[str, Any]
    version: str


def read_artefact(folder: Path) -> Artefact:
    """Return the weights and the description that `write_artefact` wrote."""
    description = read_json(folder / DESCRIPTION)
    weights = load_file(folder / WEIGHTS)
    return Artefact(folder, weights, description["classes"], description["recipe"], description["version"])


def write_artefact(
    folder: Path,
    network: nn.Module,
    *,
    model: Model,
    classes: list[str],
    recipe: dict[str, Any],
    store: str,
    decision: dict[str, Any],
) -> str:
    """Write `model.safetensors` and `model.json`; return the version, a hash of both.

    `decision` has the `positive` of two classes and the `threshold` from which on its probability means it; it is empty
    where the likeliest class counts.
    """
    weights = save({name: value.contiguous() for name, value in network.state_dict().items()})
    description = {"model": model.model_dump(mode="json"), "classes": classes, "recipe": recipe, "store": store}
    description |= {"normalise": "train" if hasattr(network, "renormalise") else "clip"} | decision
    version = hashlib.blake2b(digest_size=8)
    version.update(weights)
    version.update(json.dumps(description, sort_keys=True).encode())
    write_bytes(folder / WEIGHTS, weights)
    write_json(folder / DESCRIPTION, description | {"version": version.hexdigest()})
    return version.hexdigest()
