"""Objectives: losses against torch's own, weights, smoothing, mixtures, and means of parts."""

import pytest
import torch
import torch.nn.functional as F

from training.objective import BinaryCrossEntropy, CrossEntropy, mean_logits, objective_of

CPU = torch.device("cpu")


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.rand(6, 4, generator=torch.Generator().manual_seed(1)) < 0.4


def test_each_task_has_its_objective() -> None:
    assert objective_of("multiclass") is CrossEntropy
    assert objective_of("multilabel") is BinaryCrossEntropy


def test_a_clip_has_the_mean_binary_cross_entropy_of_its_labels(logits: torch.Tensor, labels: torch.Tensor) -> None:
    objective = BinaryCrossEntropy(None, CPU)
    target = objective.target(labels, 4)
    expected = F.binary_cross_entropy_with_logits(logits, labels.float()) * 6
    torch.testing.assert_close(objective.loss_sum(logits, target, 0.0), expected)


def test_weights_are_of_clips_without_and_with_a_label(logits: torch.Tensor, labels: torch.Tensor) -> None:
    absent, present = [0.5, 1.0, 0.9, 0.8], [2.0, 1.0, 1.5, 3.0]
    objective = BinaryCrossEntropy([absent, present], CPU)
    weight = torch.where(labels, torch.tensor(present), torch.tensor(absent))
    expected = F.binary_cross_entropy_with_logits(logits, labels.float(), weight) * 6
    torch.testing.assert_close(objective.loss_sum(logits, labels.float(), 0.0), expected)


def test_smoothing_is_spread_over_yes_and_no(logits: torch.Tensor, labels: torch.Tensor) -> None:
    smooth = torch.where(labels, 0.95, 0.05)
    expected = F.binary_cross_entropy_with_logits(logits, smooth) * 6
    torch.testing.assert_close(BinaryCrossEntropy(None, CPU).loss_sum(logits, labels.float(), 0.1), expected)


def test_large_logits_have_finite_losses() -> None:
    logits = torch.tensor([[1e4, -1e4]])
    for label in ([True, False], [False, True]):
        assert torch.isfinite(BinaryCrossEntropy(None, CPU).loss_sum(logits, torch.tensor([label]).float(), 0.0))


def test_a_clip_is_right_if_all_its_labels_are() -> None:
    logits = torch.tensor([[1.0, -1.0], [1.0, -1.0], [-1.0, -1.0]])
    target = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    assert BinaryCrossEntropy(None, CPU).right(logits, target) == 2
    mixture = torch.tensor([[0.7, 0.3], [0.3, 0.0], [0.0, 0.4]])
    assert BinaryCrossEntropy(None, CPU).right(logits, mixture) == 2


def test_parts_have_the_logits_of_their_mean_probability(logits: torch.Tensor) -> None:
    parts = torch.stack([logits, 2 * logits.flip(0)])
    mean = parts.sigmoid().mean(dim=0)
    torch.testing.assert_close(mean_logits(parts, "multilabel").sigmoid(), mean)
    shares = parts.softmax(dim=2).mean(dim=0)
    torch.testing.assert_close(mean_logits(parts, "multiclass").softmax(dim=1), shares)
