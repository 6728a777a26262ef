"""Losses by hidden windows, of networks that look at one place."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from features.tensors.four_channel import Recipe
from training.evaluation.occlusion import CLIPS_AT_ONCE, WINDOWS, occlude, windows_of
from training.evaluation.padding import RealSpan, real_span
from training.models.build import build
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.normalise import TrainStatistics


class Part(nn.Module):
    """Logits of three classes; that of the second is the mean of some frames, or samples."""

    def __init__(self, begin: int, end: int) -> None:
        super().__init__()
        self.frames = slice(begin, end)
        self.largest = 0

    def forward(self, x: Tensor) -> Tensor:
        self.largest = max(self.largest, len(x))
        value = x[..., self.frames].abs().flatten(1).mean(dim=1)
        return torch.stack([torch.zeros_like(value), value, torch.zeros_like(value)], dim=1)


def clip(*shape: int) -> dict[str, Tensor]:
    return {"features": torch.randn(1, *shape, generator=torch.Generator().manual_seed(0)).half()}


@pytest.mark.parametrize("shape", [(4, 16, 240), (1, 16, 250), (55, 240), (2400,)])
def test_the_loss_is_in_the_window_that_decides(shape: tuple[int, ...]) -> None:
    batch = clip(*shape)
    span = real_span(batch["features"][0].numpy())
    windows = windows_of(span)
    begin, end = windows[7].tolist()
    network = Part(begin, end)
    curve = occlude(network, batch, 1, span, windows)
    assert curve.loss.shape == curve.log_odds_loss.shape == (WINDOWS,)
    assert curve.loss.argmax() == curve.log_odds_loss.argmax() == 7
    assert curve.loss[7] > 0.05
    others = np.delete(curve.loss, 7)
    np.testing.assert_allclose(others, 0, atol=1e-6)
    assert network.largest == CLIPS_AT_ONCE
    # By its definition, for the window that counts.
    values = batch["features"].float()
    hidden = values.clone()
    hidden[..., begin:end] = values.median(dim=-1, keepdim=True).values
    before, after = (network(each).double().softmax(dim=1)[0].numpy() for each in (values, hidden))
    np.testing.assert_allclose(curve.probabilities, before, rtol=1e-6)
    assert curve.loss[7] == pytest.approx(before[1] - after[1], rel=1e-6)
    odds = [np.log(each[1] / (1 - each[1])) for each in (before, after)]
    assert curve.log_odds_loss[7] == pytest.approx(odds[0] - odds[1], abs=1e-3)


def test_evidence_against_a_class_is_a_negative_loss() -> None:
    batch = clip(4, 16, 240)
    span = real_span(batch["features"][0].numpy())
    windows = windows_of(span)
    against = occlude(Part(*windows[3].tolist()), batch, 0, span, windows).loss
    assert against.argmin() == 3
    assert against[3] < -0.05


def test_log_odds_tell_windows_apart_where_the_probability_is_full() -> None:
    class Sure(Part):
        def forward(self, x: Tensor) -> Tensor:
            return 100 * super().forward(x)

    batch = clip(4, 16, 240)
    span = real_span(batch["features"][0].numpy())
    windows = windows_of(span)
    sure = occlude(Sure(0, 240), batch, 1, span, windows)
    assert sure.probabilities[1] == 1.0
    assert not sure.loss.any()
    assert len(np.unique(sure.log_odds_loss)) > WINDOWS / 2


def test_frames_that_repeat_a_hidden_one_are_hidden_with_it() -> None:
    real = clip(4, 16, 100)["features"]
    places = np.pad(np.arange(100), (70, 70), mode="reflect")
    batch = {"features": real[..., places]}
    span = real_span(batch["features"][0].numpy())
    windows = windows_of(span)
    mirrored = int(np.flatnonzero(span.sources == windows[5, 0])[0])
    assert mirrored < span.begin
    curve = occlude(Part(mirrored, mirrored + 1), batch, 1, span, windows)
    assert curve.loss.argmax() == 5
    assert curve.loss[5] > 0.05


@pytest.mark.parametrize(("begin", "end"), [(0, 1320), (5, 436), (0, 24), (3, 13), (7, 8)])
def test_windows_cover_the_real_frames_evenly(begin: int, end: int) -> None:
    windows = windows_of(RealSpan(begin, end, np.arange(1320)))
    lengths = windows[:, 1] - windows[:, 0]
    assert len(windows) == WINDOWS
    assert (windows[0, 0], windows[-1, 1]) == (begin, end)
    assert lengths.min() >= 1
    assert np.ptp(lengths) <= 1
    covered = {frame for first, last in windows.tolist() for frame in range(first, last)}
    assert covered == set(range(begin, end))
    if end - begin >= WINDOWS:
        assert lengths.sum() == end - begin


def test_statistics_go_with_every_copy_of_a_clip() -> None:
    torch.manual_seed(0)
    recipe = Recipe(frames=96, n_mels=32)
    settings = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1)
    network = build(settings, 3, recipe, TrainStatistics((0.5,) * 5, (2.0,) * 5)).eval()
    batch = clip(4, 32, 96) | {"statistics": torch.rand(1, 5, 2) + 0.5}
    span = real_span(batch["features"][0].numpy())
    curve = occlude(network, batch, 0, span, windows_of(span))
    other = occlude(network, batch | {"statistics": batch["statistics"] * 2}, 0, span, windows_of(span))
    assert not np.allclose(curve.probabilities, other.probabilities, atol=1e-6)
