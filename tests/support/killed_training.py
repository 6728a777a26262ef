"""Training in processes of its own, which send themselves a signal at a chosen call."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stores import open_store
from training.fit import fit
from training.learner import Learner
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
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["training.fit", "training.models.resnet_attention.network"])


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


def signalled(last: int, number: int, *names: tuple[Any, str]) -> Callable[[], int]:
    """Have this process send itself a signal before that call of some functions; returns the count of calls."""
    calls = 0

    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == last:
                os.kill(os.getpid(), number)
            return function(*arguments, **options)

        return call

    for owner, name in names:
        setattr(owner, name, wrapped(getattr(owner, name)))
    return lambda: calls


def train_until(call: int, number: int, folder: Path, family: Path) -> None:
    """`train`, with a signal before that batch, step, score, or change of the folder."""
    functions = ((Learner, "learn"), (Learner, "step"), (Learner, "validate"), (os, "rename"), (os, "replace"))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is deaf to it
    calls = signalled(call, number, *functions, (os, "fsync"))
    train(folder, family)
    (folder / "calls").write_text(str(calls()))


def code_of(target: Callable[..., None], *arguments: Any) -> int:
    """Run a function in a process of its own and return its exit code, negative if a signal ended it."""
    process = PROCESSES.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode
