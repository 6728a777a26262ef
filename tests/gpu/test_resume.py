"""A run that stops after every step, on a device, ends with the weights of a run that was left alone."""

from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores_of import random_store
from torch import nn

from features.tensors.four_channel import Recipe
from stores import Store
from training.errors import OutOfTime
from training.fit import Fitted, fit
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.settings import Training
from training.stream import ClipStream

RECIPE = Recipe(frames=24, n_mels=32)
MODEL = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1)
STEPS = 4  # of two epochs


def digest(network: nn.Module) -> str:
    weights = blake2b()
    for name, value in network.state_dict().items():
        weights.update(name.encode() + value.numpy().tobytes())
    return weights.hexdigest()


def fitted(folder: Path, store: Store, device: Any, precision: Any, until: float | None = None) -> Fitted:
    """Train on twelve clips, and validate on six; dropout is drawn on the device."""
    labels = np.arange(len(store)) % 3
    train = ClipStream(store, np.arange(12), labels, batch_size=6, shuffle=True, pin=device == "cuda")
    validation = ClipStream(store, np.arange(12, 18), labels, batch_size=6)
    training = Training(epochs=2, batch_size=6, device=device, precision=precision, average=0.5, schedule="constant")
    options: dict[str, Any] = {"classes": ["a", "b", "c"], "model": MODEL, "training": training}
    return fit(folder, train, validation, **options, identity={"store": "s"}, until=until)


@pytest.mark.usefixtures("repeatable")
@pytest.mark.filterwarnings("ignore:.*deterministic")  # of what a GPU has in one order only
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_run_ends_with_the_same_weights(tmp_path: Path, device: Any, precision: Any) -> None:
    store = random_store(tmp_path / "store", 18, RECIPE.shape)
    store.manifest["recipe"] = asdict(RECIPE)
    expected = fitted(tmp_path / "whole", store, device, precision)
    stops = 0
    while True:
        try:
            resumed = fitted(tmp_path / "resumed", store, device, precision, until=0.0)
        except OutOfTime:
            stops += 1
        else:
            break
    assert stops >= STEPS - 1
    assert digest(resumed.network) == digest(expected.network)
    assert resumed.history == expected.history
