"""Training for processes of its own, which send themselves a signal at a chosen call."""

import signal
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.certificate.faults import TRAINING, signal_before
from stores import open_store
from training.fit import fit
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.settings import Augment, Training
from training.stream import ClipStream

MODEL = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1, dropout=0.3)
SETTINGS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 4,
    "accumulate": 2,
    "average": 0.9,
    "augment": Augment(mixup=0.4),
    "variants": "one",
    "views": 3,
    "device": "cpu",
    "precision": "float32",
    "checkpoint_every": 0,
}


def train(folder: Path, family: Path, until: float | None = None) -> None:
    """Train, or go on training, and write what came of it into `folder`."""
    store, training = open_store(family), Training(**SETTINGS)
    torch.set_num_threads(1)
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    shown: dict[str, Any] = {"variants": store.variants, "choice": "one", "views": 3, "shuffle": True}
    stream = ClipStream(store, np.arange(12), labels, batch_size=4, **shown)
    validation = ClipStream(store, np.arange(12, 18), labels, batch_size=4)
    options: dict[str, Any] = {"model": MODEL, "training": training, "identity": {}, "until": until}
    fitted = fit(folder, stream, validation, classes=["a", "b", "c"], **options)
    weights = blake2b()
    for name, value in fitted.network.state_dict().items():
        weights.update(name.encode() + value.numpy().tobytes())
    (folder / "outcome").write_text(f"{weights.hexdigest()} {fitted.history}")


def train_until(call: int, number: int, folder: Path, family: Path) -> None:
    """`train`, with a signal before that batch, step, score, or change of the folder."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is deaf to it
    calls = signal_before(call, number, TRAINING)
    train(folder, family)
    (folder / "calls").write_text(str(calls()))
