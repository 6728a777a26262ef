"""The trained model as it is used elsewhere: weights in safetensors, and JSON that says all else."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from stores.files import write_bytes, write_json
from training.settings import Model


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
    """Write `model.safetensors` and `model.json`; returns the version, a hash of both.

    `decision` has the `positive` of two classes and the `threshold` from which on its probability means it; it is empty
    where the likeliest class counts.
    """
    weights = save({name: value.contiguous() for name, value in network.state_dict().items()})
    described = {"model": model.model_dump(mode="json"), "classes": classes, "recipe": recipe, "store": store}
    described |= decision
    version = hashlib.blake2b(digest_size=8)
    version.update(weights)
    version.update(json.dumps(described, sort_keys=True).encode())
    write_bytes(folder / "model.safetensors", weights)
    write_json(folder / "model.json", described | {"version": version.hexdigest()})
    return version.hexdigest()
