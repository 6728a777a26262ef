"""Training that is killed anywhere and started again ends with the weights of a run that was left alone.

`make faults` kills it a hundred times.
"""

import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from killed_training import train, train_until
from stores_of import small_store

from pipeline.certificate.faults import exit_code
from stores import Store
from training.errors import TrainingError
from training.learner import Learner

KILLS = int(os.environ.get("OTOGURA_FAULTS_KILLS", "3"))
BATCHES = 12 * 3 // 4  # of an epoch: the fifth step has one batch, the others two


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def uninterrupted(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert exit_code(train_until, -1, signal.SIGKILL, folder, store.path) == 0
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
            code = exit_code(train_until, moments.randrange(1, calls // 2), signal.SIGKILL, folder, store.path)
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
        assert exit_code(train, folder, store.path) == 0
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
        assert exit_code(train_until, call, number, tmp_path, store.path) in (0, code)
    assert exit_code(train, tmp_path, store.path) == 0
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
