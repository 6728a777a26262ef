"""Which epoch is kept, and when patience ends: from the validation losses alone."""

import math
from fractions import Fraction
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pytest
import torch
from torch import nn

from training import checkpoints as module
from training.checkpoints import Checkpoints
from training.module import Classifier
from training.settings import Training


class Trainer:
    """A trainer that saves the history only."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.should_stop = False

    def save_checkpoint(self, path: Path) -> None:
        torch.save({"history": list(self._classifier.history)}, path)


def trained(folder: Path, losses: list[float], **options: Any) -> tuple[Checkpoints, int]:
    """Checkpoints of a run with these validation losses, and the epochs until it stopped."""
    training = Training(**({"epochs": len(losses)} | options))
    classifier = Classifier(nn.Linear(1, 2), training)
    checkpoints, trainer = Checkpoints(folder, training), Trainer(classifier)
    for epoch, loss in enumerate(losses):
        classifier.history.append({"epoch": epoch, "validation_loss": loss})
        checkpoints.on_train_epoch_end(trainer, classifier)  # type: ignore[arg-type]  # what it uses of one
        if trainer.should_stop:
            break
    return checkpoints, len(classifier.history)


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
    assert len(checkpoints.kept()["history"]) == best + 1
    assert len(checkpoints.history()) == len(losses)
    last, _ = trained(tmp_path / "new" / "last", losses, keep="last", validation=True)
    assert len(last.kept()["history"]) == len(losses)
    assert not last.best_path.exists()


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
    assert checkpoints.finished() == (epochs < len(losses) or count == len(losses))
    _, count = trained(tmp_path / "last", losses, patience=patience, keep="last", validation=True)
    assert count == len(losses)


def test_a_run_that_patience_has_not_ended_is_not_finished(tmp_path: Path) -> None:
    checkpoints, _ = trained(tmp_path, [1, 2, 2], patience=3, epochs=9)
    assert not checkpoints.finished()
    assert checkpoints.last_path.exists()  # and goes on
    ended, _ = trained(tmp_path, [1, 2, 2, 2], patience=3, epochs=9)
    assert ended.finished()


def test_a_run_without_its_kept_weights_begins_anew(tmp_path: Path) -> None:
    checkpoints, _ = trained(tmp_path, [3, 1, 2])
    checkpoints.best_path.unlink()
    assert not checkpoints.finished()
    assert not checkpoints.last_path.exists()
    checkpoints, _ = trained(tmp_path, [3, 1, 2])
    checkpoints.last_path.unlink()
    assert checkpoints.history() == []
    assert not checkpoints.finished()


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, Training())
    torch.save({"history": [Fraction(1, 2)]}, checkpoints.last_path)
    with pytest.raises(UnpicklingError, match="Weights only load failed"):
        checkpoints.history()


def test_checkpoints_take_their_name_when_they_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the checkpoint before it."""
    checkpoints, _ = trained(tmp_path, [3, 2])
    before = checkpoints.last_path.read_bytes()

    def fail(self: Trainer, path: Path) -> None:
        path.write_bytes(before[:10])
        raise OSError("disk full")

    monkeypatch.setattr(Trainer, "save_checkpoint", fail)
    with pytest.raises(OSError, match="disk full"):
        module._save(Trainer(Classifier(nn.Linear(1, 2), Training())), checkpoints.last_path)  # type: ignore[arg-type]
    assert checkpoints.last_path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]
