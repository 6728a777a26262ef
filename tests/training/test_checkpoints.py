"""Which epoch is kept, when patience ends, and what is left of damaged checkpoints."""

import logging
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from training import checkpoints as module
from training.checkpoints import Checkpoints
from training.learner import Learner
from training.settings import Training


class Stream(SimpleNamespace):
    """A stream that has a position and nothing else."""

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "seen": 0}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch = state["epoch"]


STREAM: Any = Stream(epoch=0)


def learner_of(training: Training) -> Learner:
    torch.manual_seed(0)
    return Learner(nn.Linear(1, 2), training)


def trained(folder: Path, losses: list[float], **options: Any) -> tuple[Checkpoints, int]:
    """Checkpoints of a run with these validation losses, and the epochs until it ended; weights tell the epoch."""
    training = Training(**({"epochs": len(losses), "device": "cpu", "precision": "float32"} | options))
    learner, checkpoints = learner_of(training), Checkpoints(folder, training)
    for epoch, loss in enumerate(losses):
        learner.history.append({"epoch": epoch, "validation_loss": loss})
        nn.init.constant_(learner.network.weight, epoch)  # type: ignore[arg-type]
        STREAM.epoch = epoch + 1
        checkpoints.save_epoch(learner, STREAM)
        if checkpoints.ended(learner.history):
            break
    return checkpoints, len(learner.history)


def finished(checkpoints: Checkpoints) -> bool:
    """Return True if nothing is left to train and the weights to be kept are there."""
    saved = checkpoints.load()
    return saved is not None and saved.kept is not None and checkpoints.ended(saved.history)


def kept_epoch(checkpoints: Checkpoints) -> int:
    weights = torch.load(checkpoints.kept_path, weights_only=True)
    return int(weights["weight"][0, 0])


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([3, 2, 1], 2),
        ([1, 2, 3], 0),
        ([3, 1, 2, 1], 1),  # the first of equal ones
        ([3, 1, 2, 0.5, 4], 3),
        ([math.nan, 2, math.nan], 1),
        ([math.nan, math.nan], 0),
    ],
)
def test_the_epoch_with_the_lowest_loss_is_kept(tmp_path: Path, losses: list[float], best: int) -> None:
    checkpoints, _ = trained(tmp_path, losses)
    assert kept_epoch(checkpoints) == best
    saved = checkpoints.load()
    assert saved is not None
    assert saved.kept is not None
    assert int(saved.kept["weight"][0, 0]) == best
    assert [row["epoch"] for row in saved.history] == list(range(len(losses)))
    last, _ = trained(tmp_path / "new" / "last", losses, keep="last", validation=True)
    assert kept_epoch(last) == len(losses) - 1


@pytest.mark.parametrize(
    ("losses", "patience", "epochs"),
    [
        ([1, 2, 2, 2, 2], 3, 4),  # three epochs without a better one
        ([1, 2, 2, 2, 2], 1, 2),
        ([5, 4, 4, 4, 4, 3], 3, 5),  # an equal loss is no better one
        ([5, 4, 4, 3, 4, 4, 4], 3, 7),  # and a better one begins anew
        ([1, 2, 2, 2, 2], 9, 5),
    ],
)
def test_patience_counts_the_epochs_without_a_better_one(
    tmp_path: Path, losses: list[float], patience: int, epochs: int
) -> None:
    checkpoints, count = trained(tmp_path, losses, patience=patience)
    assert count == epochs
    assert finished(checkpoints)
    _, count = trained(tmp_path / "last", losses, patience=patience, keep="last", validation=True)
    assert count == len(losses)


def test_a_run_that_patience_has_not_ended_is_not_finished(tmp_path: Path) -> None:
    checkpoints, _ = trained(tmp_path, [1, 2, 2], patience=3, epochs=9)
    assert not finished(checkpoints)
    assert checkpoints.last_path.exists()  # and goes on
    ended, _ = trained(tmp_path, [1, 2, 2, 2], patience=3, epochs=9)
    assert finished(ended)


def restored(checkpoints: Checkpoints) -> int | None:
    """Return the number of epochs after which training goes on; None if it begins anew."""
    saved = checkpoints.load()
    if saved is None:
        return None
    learner = learner_of(Training(device="cpu", precision="float32"))
    learner.load_state_dict(saved.learner)
    STREAM.load_state_dict(saved.stream)
    return STREAM.epoch


@pytest.mark.parametrize("damaged", [False, True])
def test_a_run_without_its_kept_weights_begins_anew(tmp_path: Path, damaged: bool) -> None:
    for keep in ("best", "last"):
        checkpoints, _ = trained(tmp_path, [3, 1, 2], keep=keep, validation=True)
        if damaged:
            checkpoints.kept_path.write_bytes(checkpoints.kept_path.read_bytes()[:-9])
        else:
            checkpoints.kept_path.unlink()
        assert not finished(checkpoints)
        assert restored(checkpoints) is None


def test_a_run_goes_on_before_the_weights_to_be_kept_exist(tmp_path: Path) -> None:
    training = Training(epochs=3, device="cpu", precision="float32")
    checkpoints, learner = Checkpoints(tmp_path, training), learner_of(training)
    assert not finished(checkpoints)
    checkpoints.save(learner, STREAM)  # within the first epoch
    assert not finished(checkpoints)
    assert restored(checkpoints) is not None
    unfinished, _ = trained(tmp_path / "last", [3, 1], keep="last", validation=True, epochs=3)
    assert not finished(unfinished)
    assert restored(unfinished) == 2


def test_training_goes_on_from_the_checkpoint_before_a_damaged_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints, _ = trained(tmp_path, [4, 3, 2])
    sound = checkpoints.last_path.read_bytes()
    for place in range(0, len(sound), len(sound) // 200):
        broken = bytearray(sound)
        broken[place] ^= 0x10
        checkpoints.last_path.write_bytes(broken)
        assert restored(checkpoints) == 2
    for size in (0, 10, len(sound) // 2):
        checkpoints.last_path.write_bytes(sound[:size])
        assert restored(checkpoints) == 2
    (message,) = {record.getMessage() for record in caplog.records if record.levelno == logging.WARNING}
    assert message == (
        f"{checkpoints.last_path}: expected a checkpoint, got a damaged file; training goes on without it"
    )
    checkpoints.last_path.unlink()  # as between the two renames of a save
    assert restored(checkpoints) == 2
    checkpoints.previous_path.write_bytes(b"")
    assert restored(checkpoints) is None


class Harmful:
    """Object whose unpickling creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["last_path", "kept_path"])
def test_a_checkpoint_that_would_run_code_is_not_taken(tmp_path: Path, name: str) -> None:
    checkpoints, _ = trained(tmp_path, [3, 2])
    created = tmp_path / "created"
    path: Path = getattr(checkpoints, name)
    module._write(path, {"learner": Harmful(created)})
    assert not finished(checkpoints)
    assert not created.exists()
    module._write(path, {"learner": Harmful(created)})
    torch.load(path, weights_only=False)
    assert created.exists()  # it would have run


def test_checkpoints_take_their_name_when_they_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the checkpoints before it."""
    checkpoints, _ = trained(tmp_path, [3, 2])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(data: memoryview) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr(module, "_digest", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoints.save(learner_of(Training(device="cpu")), STREAM)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert sorted(before) == ["kept.ckpt", "last.ckpt", "previous.ckpt"]


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    checkpoints, _ = trained(tmp_path, [3, 2])
    (tmp_path / "last.ckpt.0123.partial").write_bytes(b"half")
    assert restored(checkpoints) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.ckpt", "last.ckpt", "previous.ckpt"]
    (tmp_path / "of_an_older_version.ckpt").touch()
    checkpoints.clear()
    assert not list(tmp_path.iterdir())
