"""Explanations of the most confident clips of a store."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stores import Store
from training.evaluation.explanation import LIMIT, Explanation, attention_summary, explain, most_confident
from training.evaluation.occlusion import WINDOWS
from training.evaluation.predictions import Predictions
from training.models.network import Attention
from training.stream import ClipStream

CPU = torch.device("cpu")


class Attentive(nn.Module):
    """Network of two classes that decides by some frames, and says so of itself, or of others."""

    def __init__(self, decides: slice, attends: slice) -> None:
        super().__init__()
        self.decides, self.attends = decides, attends

    def forward(self, x: Tensor) -> Tensor:
        value = x[..., self.decides].abs().flatten(1).sum(dim=1)
        return torch.stack([value, torch.zeros_like(value)], dim=1) / 100

    def attention_over_time(self, features: Tensor) -> Attention:
        weights = torch.zeros(len(features), features.shape[-1])
        weights[:, self.attends] = 1.0
        return Attention(weights / weights.sum(dim=1, keepdim=True), None)


def originals(store: Store, rows: list[int], batch_size: int = 2) -> ClipStream:
    return ClipStream(store, rows, np.arange(len(store)) % 2, batch_size=batch_size)


def test_the_clips_are_the_most_confident_of_each_class() -> None:
    shares = np.array(
        [[0.6, 0.4], [0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9], [0.2, 0.8], [0.2, 0.8], [0.55, 0.45]]
    )
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 0])
    predictions = Predictions(np.arange(8)[::-1], labels, np.log(shares).astype(np.float32))
    assert most_confident(predictions, shares.argmax(axis=1)).tolist() == [1, 4, 6]  # of equals, the lower row
    # A threshold decides otherwise: confidence is the probability of what was decided.
    assert most_confident(predictions, np.zeros(8, int)).tolist() == [1, 5 + 1]
    assert most_confident(predictions, np.ones(8, int)).tolist() == [4, 6]


def test_no_more_clips_are_explained_than_a_page_can_show() -> None:
    classes = 2 * LIMIT
    predictions = Predictions(np.arange(classes), np.arange(classes), np.eye(classes, dtype=np.float32))
    assert most_confident(predictions, np.arange(classes)).tolist() == list(range(LIMIT))


def test_agreement_says_whether_attention_is_where_the_decision_is(store: Store) -> None:
    ends = ("/3.wav", "/4.wav", "/5.wav")  # long enough to fill their tensors
    rows = [row for row, name in enumerate(store.rows["id"].to_pylist()) if name.endswith(ends)][:3]
    part, elsewhere = slice(8, 16), slice(16, 24)
    agreements = []
    for attends in (part, elsewhere):
        explanations = explain(Attentive(part, attends), originals(store, rows), np.array([0, 0, 0]), CPU)
        assert [(one.row, one.label, one.decided) for one in explanations] == [(row, row % 2, 0) for row in rows]
        for one in explanations:
            assert one.occlusion.shape == (WINDOWS,)
            assert one.probabilities.sum() == pytest.approx(1)
            assert (one.begin, one.end) == (0, 24)
            assert one.received is None
            assert one.pooling is one.attention
            assert one.pooling.mean() == pytest.approx(1)
            np.testing.assert_allclose(one.occlusion[:8], 0, atol=1e-7)
        agreements.append(attention_summary(explanations))
    agree, disagree = agreements
    assert agree["clips"] == disagree["clips"] == 3
    assert agree["agreement"] > 0.7
    assert disagree["agreement"] < 0


def test_a_network_without_attention_has_occlusion_alone(store: Store) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, 2))
    explanations = explain(network, originals(store, [1, 2]), np.array([1, 0]), CPU)
    assert all(one.attention is None and one.agreement is None for one in explanations)
    assert all(np.abs(one.occlusion).max() > 0 for one in explanations)
    assert attention_summary(explanations) is None
    assert not network.training


def test_a_flat_curve_counts_for_no_clip() -> None:
    one = Explanation(0, 0, 0, np.ones(1), 0, 9, np.zeros(WINDOWS), np.ones(9), None, None)
    assert attention_summary([one]) == {"agreement": None, "clips": 0}
    half = Explanation(0, 0, 0, np.ones(1), 0, 9, np.zeros(WINDOWS), None, np.ones((2, 9)), 0.5)
    assert attention_summary([one, half]) == {"agreement": 0.5, "clips": 1}
    np.testing.assert_array_equal(half.attention, np.ones(9))
