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
    """Weights by name, and the classes in the order of the network's outputs.

    `version` is a hash of weights, description and decision; `weights_digest` leaves the decision out.
    """

    folder: Path
    weights: dict[str, Tensor]
    classes: list[str]
    recipe: dict[str, Any]
    weights_digest: str
    version: str


def read_artefact(folder: Path) -> Artefact:
    """Return the weights and the description that `write_artefact` wrote."""
    description = read_json(folder / DESCRIPTION)
    keys = ("classes", "recipe", "weights_digest", "version")
    return Artefact(folder, load_file(folder / WEIGHTS), **{key: description[key] for key in keys})


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

    `decision` has all that the model decides by: the `positive` of two classes and the `threshold` from which on its
    probability means it, which are missing where the likeliest class counts; the `temperature` by which logits are to
    be divided, and the `not_sure_limit` above which an answer is sure, both None where no clip validated. Logits of a
    recording in segments are the logarithms of its mean probabilities. The threshold is one of probabilities without
    the temperature, the limit is one with it, of the class that is answered.
    """
    weights = save({name: value.contiguous() for name, value in network.state_dict().items()})
    description = {"model": model.model_dump(mode="json"), "classes": classes, "recipe": recipe, "store": store}
    description |= {"normalise": "train" if hasattr(network, "renormalise") else "clip"}
    hasher = hashlib.blake2b(weights, digest_size=8)
    hasher.update(json.dumps(description, sort_keys=True).encode())
    weights_digest = hasher.hexdigest()
    hasher.update(json.dumps(decision, sort_keys=True).encode())
    version = hasher.hexdigest()
    write_bytes(folder / WEIGHTS, weights)
    write_json(folder / DESCRIPTION, description | decision | {"weights_digest": weights_digest, "version": version})
    return version
