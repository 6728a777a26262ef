"""The loss of a step: a weighted sum over its clips, whatever batches they come in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stores import Store
from training.augment import mixed, mixture
from training.checkpoints import Checkpoints
from training.learner import Learner
from training.loop import run_epochs
from training.ranks import ALONE
from training.settings import Augment, Training
from training.stream import ClipStream

SMOOTHING = 0.1
PIXELS = 4 * 32 * 24


class Observed(Learner):
    """Learner that keeps the gradients of every step, each as one vector: before they are clipped and after."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.gradients: list[Tensor] = []
        self.clipped: list[Tensor] = []
        step = self.optimizer.step

        def observed() -> None:
            self.clipped.append(self._gradient())
            step()

        self.optimizer.step = observed  # type: ignore[method-assign]

    def step(self) -> None:
        self.gradients.append(self._gradient())
        super().step()

    def _gradient(self) -> Tensor:
        return _vector([weight.grad for weight in self.network.parameters()])


def _vector(parts: Sequence[Tensor | None]) -> Tensor:
    return torch.cat([part.reshape(-1).double() for part in parts if part is not None])


def _network() -> nn.Module:
    """One without batch norm and dropout, whose gradient is a sum over clips."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 6), nn.Tanh(), nn.Linear(6, 2))


def _labels(store: Store) -> np.ndarray:
    """One clip in six is of class 1."""
    return (np.arange(len(store)) % 6 == 5).astype(np.int64)


def _train_stream(store: Store, clips: int, training: Training) -> ClipStream:
    return ClipStream(store, np.arange(clips), _labels(store), batch_size=training.batch_size, shuffle=True)


def _observed(
    folder: Path, store: Store, clips: int, weights: Sequence[float] | None = None, **options: Any
) -> Observed:
    """Return a learner after an epoch at a rate of 0, in which all steps see the same network."""
    settings = {"epochs": 1, "keep": "last", "device": "cpu", "precision": "float32", "learning_rate": 1e-30}
    training = Training(**{**settings, "label_smoothing": SMOOTHING, **options})
    learner = Observed(_network(), training, weights)
    run_epochs(learner, _train_stream(store, clips, training), None, training, Checkpoints(folder, training))
    return learner


def _gradients(folder: Path, store: Store, *arguments: Any, **options: Any) -> list[Tensor]:
    return _observed(folder, store, *arguments, **options).gradients


def _expected(store: Store, clips: range, order_of: int, weights: Sequence[float], training: Training) -> Tensor:
    """The gradient in plain torch, over these places of an epoch that shows `order_of` clips."""
    network, weight = _network(), torch.tensor(weights)
    losses = []
    for batch in list(_train_stream(store, order_of, training))[clips.start // training.batch_size :][
        : len(clips) // training.batch_size
    ]:
        features, label = batch["features"].float(), batch["label"]
        parts = [(label, torch.ones(len(label)))]
        if training.augment.mixup:
            share = mixture(batch["key"], training.augment.mixup)
            features, parts = mixed(features, share, ALONE.following), [(label, share), (label.roll(-1), 1 - share)]
        logits = network(features)
        losses += [
            part * F.cross_entropy(logits, target, weight, reduction="none", label_smoothing=training.label_smoothing)
            for target, part in parts
        ]
    (torch.cat(losses).sum() / len(clips)).backward()
    return _vector([parameter.grad for parameter in network.parameters()])


def _difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


WEIGHTS = [0.6, 3.0]  # 5 for class 1, 1 on average where one clip in six is of it


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_four_batches_of_four_are_one_of_sixteen(tmp_path: Path, store: Store, weights: list[float] | None) -> None:
    (four,) = _gradients(tmp_path / "4", store, 16, weights, batch_size=4, accumulate=4)
    (sixteen,) = _gradients(tmp_path / "16", store, 16, weights, batch_size=16)
    assert _difference(four, sixteen) < 1e-6


def test_the_last_step_of_an_epoch_may_have_fewer_batches(tmp_path: Path, store: Store) -> None:
    """Four, then two: each step is the mean over the clips that it has."""
    training = Training(batch_size=3, label_smoothing=SMOOTHING)
    first, last = _gradients(tmp_path, store, 18, WEIGHTS, batch_size=3, accumulate=4)
    for found, clips in ((first, range(12)), (last, range(12, 18))):
        assert _difference(found, _expected(store, clips, 18, WEIGHTS, training)) < 1e-6


@pytest.mark.parametrize(("batch_size", "accumulate"), [(4, 1), (4, 4), (16, 1)])
def test_a_weight_of_five_is_five(tmp_path: Path, store: Store, batch_size: int, accumulate: int) -> None:
    """The gradients of an epoch are those of the clips of class 0 and, five times, those of class 1."""
    options: dict[str, Any] = {"batch_size": batch_size, "label_smoothing": 0.0}
    steps = _gradients(tmp_path, store, 16, WEIGHTS, accumulate=accumulate, **options)
    assert len(steps) == 16 // (batch_size * accumulate)
    by_class = [_expected(store, range(16), 16, only, Training(**options)) for only in ([1.0, 0.0], [0.0, 1.0])]
    (normal, rare), residual, *_ = np.linalg.lstsq(torch.stack(by_class, dim=1).numpy(), sum(steps).numpy(), rcond=None)
    assert rare / normal == pytest.approx(5, rel=1e-5)
    assert residual < 1e-10 * float(sum(steps) @ sum(steps))


def test_mixtures_smoothing_and_weights_go_together(tmp_path: Path, store: Store) -> None:
    options: dict[str, Any] = {"batch_size": 4, "label_smoothing": SMOOTHING, "augment": Augment(mixup=0.4)}
    (found,) = _gradients(tmp_path, store, 16, WEIGHTS, accumulate=4, **options)
    assert _difference(found, _expected(store, range(16), 16, WEIGHTS, Training(**options))) < 1e-6


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_gradients_are_clipped_for_a_step_as_a_whole(tmp_path: Path, store: Store, precision: str) -> None:
    options: dict[str, Any] = {"precision": precision, "gradient_clip": 1e-3}
    learner = _observed(tmp_path, store, 18, WEIGHTS, batch_size=3, accumulate=4, **options)
    assert all(step.norm() > 1e-3 for step in learner.gradients)
    assert [float(step.norm()) for step in learner.clipped] == pytest.approx([1e-3, 1e-3], rel=1e-3)
