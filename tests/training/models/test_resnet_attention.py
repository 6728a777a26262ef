"""The network by its definition, and the faults of the published code that it must not have."""

import pytest
import torch

from features.tensors.four_channel import Recipe
from training.models.build import build
from training.models.resnet_attention.network import ResNetAttention, TemporalPooling
from training.models.resnet_attention.settings import ResNetAttentionModel


def small() -> ResNetAttention:
    torch.manual_seed(0)
    return ResNetAttention(ResNetAttentionModel(width=0.125, blocks=(1, 1, 1)), 5, (128, 1320)).eval()


def test_shapes_of_the_full_model() -> None:
    network = build(ResNetAttentionModel(), 10, Recipe())
    assert isinstance(network, ResNetAttention)
    # 5.84 million were published with keys of width / heads; keys of the stated size per head make it more.
    assert sum(weight.numel() for weight in network.parameters()) == 8_624_459
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert convolutions[0].weight.shape == (64, 4, 7, 11)
    assert convolutions[0].stride[1] == 1  # the time axis is kept
    assert [len(list(network.attention)), network.attention[0].query_key_value.out_features] == [3, 3 * 8 * 64]
    assert network.attention[2].query_key_value.out_features == 3 * 4 * 32
    layers = [m.out_features for m in network.head if isinstance(m, torch.nn.Linear)]
    assert layers == [512, 512, 256, 128, 64, 10]
    rates = [m.p for m in network.head if isinstance(m, torch.nn.Dropout)]
    assert rates[0] == 0.5
    assert rates[-1] == pytest.approx(0.2)
    assert rates == sorted(rates, reverse=True)


def test_hidden_layers_do_not_depend_on_the_classes() -> None:
    few, many = (small_head(classes) for classes in (2, 70))
    assert few[:-1] == many[:-1] == [64, 64, 32, 16, 16]
    assert (few[-1], many[-1]) == (2, 70)


def small_head(classes: int) -> list[int]:
    network = build(ResNetAttentionModel(width=0.125, blocks=(1, 1, 1)), classes, Recipe())
    return [layer.out_features for layer in network.head if isinstance(layer, torch.nn.Linear)]


@pytest.mark.parametrize(("rows", "frames"), [(128, 1320), (128, 216), (32, 24), (13, 9)])
@torch.inference_mode()
def test_any_input_size_gives_logits(rows: int, frames: int) -> None:
    assert small()(torch.randn(2, 4, rows, frames)).shape == (2, 5)


@torch.inference_mode()
def test_the_pooling_weighs_time() -> None:
    """The published softmax ran over an axis of size one, which made every weight 1."""
    pooling = TemporalPooling(8, 8)
    x = torch.randn(3, 20, 8)
    answer = pooling(x)
    assert not torch.allclose(answer, x.mean(dim=1), atol=1e-3)  # of equal weights
    assert not torch.allclose(answer, x.sum(dim=1), atol=1e-3)  # of weights of 1
    # A frame that scores far above the others is the answer.
    with torch.no_grad():
        pooling.score[0].weight.copy_(torch.eye(8))
        pooling.score[0].bias.zero_()
        pooling.score[2].weight.fill_(20.0)
    x[:, 7] = 2.0
    torch.testing.assert_close(pooling(x), x[:, 7], atol=1e-2, rtol=0)
    weights = pooling.score(x).softmax(dim=1)
    torch.testing.assert_close(pooling(x), (weights * x).sum(dim=1))


@torch.inference_mode()
def test_attention_sees_time() -> None:
    """The published network averaged time away before its attention; reversed time must change the answer."""
    network = small()
    x = torch.randn(2, 4, 32, 64)
    assert network.residual(network.stem(x)).shape[3] == 16
    assert not torch.allclose(network(x), network(x.flip(3)), atol=1e-4)


def test_every_parameter_learns() -> None:
    network = small().train()
    network(torch.randn(4, 4, 32, 32)).sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not silent


def test_same_seed_same_weights() -> None:
    first, second = small(), small()
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
