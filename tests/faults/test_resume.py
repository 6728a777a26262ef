"""Training that is killed anywhere and started again ends with the weights of a run that was left alone.

`make faults` kills it a hundred times.
"""

import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stores_of import small_store

from stores import Store, open_store
from training.errors import TrainingError
from training.fit import fit
from training.learner import Learner
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.settings import Augment, Training
from training.stream import ClipStream

KILLS = int(os.environ.get("OTOGURA_FAULTS_KILLS", "3"))
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
BATCHES = 12 * 3 // 4  # of an epoch: the fifth step has one batch, the others two

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["training.fit", "training.models.resnet_attention.network"])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("store"))


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


@pytest.fixture(scope="module")
def uninterrupted(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert code_of(train_until, -1, signal.SIGKILL, folder, store.path) == 0
    return folder


def test_killed_anywhere_and_resumed_the_weights_are_the_same(
    store: Store, uninterrupted: Path, tmp_path: Path
) -> None:
    """Each run is killed three times on its way, in batches, steps, validation and while it writes checkpoints."""
    expected, calls = (uninterrupted / "outcome").read_text(), int((uninterrupted / "calls").read_text())
    moments, killed = random.Random(KILLS), 0
    for number in range(-(-KILLS // 3)):
        folder = tmp_path / str(number)
        for _ in range(3):
            code = code_of(train_until, moments.randrange(1, calls // 2), signal.SIGKILL, folder, store.path)
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
        assert code_of(train, folder, store.path) == 0
        assert (folder / "outcome").read_text() == expected, f"run {number + 1}"
    assert killed > KILLS / 2
    print(f"{killed} kills")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_an_interrupted_run_has_saved_its_last_step(
    store: Store, uninterrupted: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """In the middle of a step, which is finished, and in validation; then it goes on after just that."""
    calls = int((uninterrupted / "calls").read_text())
    for call in (4, calls - 20):
        assert code_of(train_until, call, number, tmp_path, store.path) in (0, code)
    assert code_of(train, tmp_path, store.path) == 0
    assert (tmp_path / "outcome").read_text() == (uninterrupted / "outcome").read_text()


def test_a_run_of_many_short_times_ends_like_one_of_a_long_one(
    store: Store, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes one step, and no batch is learned from twice or left out."""
    batches: list[list[int]] = []
    learn = Learner.learn

    def watched(self: Learner, batch: dict[str, torch.Tensor], **options: Any) -> None:
        batches.append(batch["key"].tolist())
        learn(self, batch, **options)

    monkeypatch.setattr(Learner, "learn", watched)
    threads = torch.get_num_threads()
    runs = 0
    while not (tmp_path / "outcome").exists():
        before = len(batches)
        with suppress(TrainingError):
            train(tmp_path, store.path, until=0.0)
        assert len(batches) - before <= 2
        runs += 1
    torch.set_num_threads(threads)
    assert runs == 2 * (5 + 1)  # steps, and a validation
    assert len(batches) == 2 * BATCHES
    assert len({tuple(keys) for keys in batches}) == 2 * BATCHES
    assert (tmp_path / "outcome").read_text() == (uninterrupted / "outcome").read_text()
