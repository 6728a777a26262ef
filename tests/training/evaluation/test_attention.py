"""Attention over the frames of a clip, and rank correlations."""

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stores_of import small_store

from features.tensors.four_channel import Recipe
from stores import Store
from training.evaluation.attention import attention_of, means_within, rank_correlation, relative_attention
from training.evaluation.occlusion import occlude, windows_of
from training.evaluation.padding import RealSpan, real_span
from training.models.build import build
from training.models.network import Attention
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.normalise import fitted_statistics
from training.stream import ClipStream

SETTINGS = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """Stores of the same recordings, dense and compact, whose clips fill part of their tensors."""
    recipes = {layout: Recipe(frames=48, n_mels=32, layout=layout) for layout in ("dense", "compact")}
    return {name: small_store(tmp_path_factory.mktemp(name), recipe=recipe) for name, recipe in recipes.items()}


@pytest.mark.parametrize("normalise", ["clip", "train"])
def test_dense_and_compact_stores_give_the_same_curves(stores: dict[str, Store], normalise: str) -> None:
    curves = []
    for store in stores.values():
        torch.manual_seed(0)
        standard = fitted_statistics(store, np.arange(len(store)), store.variants) if normalise == "train" else None
        recipe = Recipe(**store.manifest["recipe"])
        network = build(SETTINGS, 3, recipe, standard).eval()
        options = {"batch_size": 4, "expand": False, "statistics": normalise == "train"}
        batch = next(iter(ClipStream(store, range(4), np.zeros(len(store), np.int64), **options)))
        batch = {name: batch[name] for name in batch if name in ("features", "statistics")}
        attention = attention_of(network, batch)
        assert attention is not None
        span = real_span(batch["features"][1].numpy())
        one = {name: value[1:2] for name, value in batch.items()}
        curves.append((attention, span, occlude(network, one, 0, span, windows_of(span))))
    (dense, span, shown), (compact, other_span, also_shown) = curves
    assert (span.begin, span.end) == (other_span.begin, other_span.end)
    assert 0 < span.frames < 48
    torch.testing.assert_close(dense.pooling, compact.pooling, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(dense.received, compact.received, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(shown.probabilities, also_shown.probabilities, rtol=1e-3)
    # The median of rows before the spline, and after it, differ a little.
    assert rank_correlation(shown.log_odds_loss, also_shown.log_odds_loss) > 0.8


def test_a_network_that_does_not_attend_has_no_attention() -> None:
    assert attention_of(torch.nn.Linear(3, 2), {"features": torch.zeros(1, 3)}) is None
    with pytest.raises(ValueError, match="expected weights of a pooling or of heads, got neither"):
        Attention(None, None)


def test_attention_over_time_is_that_of_the_pooling_or_the_mean_of_the_heads() -> None:
    pooling, received = torch.rand(2, 7), torch.rand(2, 3, 7)
    assert torch.equal(Attention(pooling, received).over_time, pooling)
    torch.testing.assert_close(Attention(None, received).over_time, received.mean(dim=1))


def test_equal_attention_is_one_and_repeated_frames_count_for_their_source() -> None:
    whole = RealSpan(0, 40, np.arange(40))
    np.testing.assert_allclose(relative_attention(torch.full((3, 10), 0.1), whole), np.ones((3, 40)))
    places = np.pad(np.arange(10, 30), 10, mode="reflect")[:40]
    padded = RealSpan(10, 30, np.pad(np.arange(10, 30), (10, 10), mode="reflect"))
    weights = torch.zeros(40)
    weights[5] = 1.0
    expected = np.zeros(20)
    expected[places[5] - 10] = 20
    np.testing.assert_allclose(relative_attention(weights, padded), expected)
    assert relative_attention(torch.softmax(torch.randn(13), 0), padded).mean() == pytest.approx(1)


def test_means_within_windows() -> None:
    values = np.arange(12.0).reshape(2, 6)
    windows = np.array([[0, 2], [2, 3], [1, 6]])
    np.testing.assert_allclose(means_within(values, windows), [[0.5, 2, 3], [6.5, 8, 9]])


def test_the_rank_correlation_of_curves_that_agree_and_of_those_that_do_not() -> None:
    curve = np.array([0.1, 0.4, 0.2, 3.0])
    assert rank_correlation(curve, curve**3) == pytest.approx(1)
    assert rank_correlation(curve, -curve) == pytest.approx(-1)
    assert rank_correlation(curve, np.ones(4)) is None
    assert rank_correlation(np.ones(4) + 1e-12 * curve, curve) is None


@given(arrays(np.int64, (2, 24), elements=st.integers(0, 9)))
def test_the_rank_correlation_is_that_of_scipy(curves: np.ndarray) -> None:
    first, second = curves.astype(float)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        assert rank_correlation(first, second) is None
    else:
        expected = scipy.stats.spearmanr(first, second).statistic
        assert rank_correlation(first, second) == pytest.approx(expected, abs=1e-12)
