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


@torch.inference_mode()
def test_attention_is_that_of_the_forward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recompute what torch's attention returned, and what the pooling did, from the weights."""
    network, x = small(), torch.randn(2, 4, 32, 64)
    sequences: list[torch.Tensor] = []
    attended: list[tuple[torch.Tensor, torch.Tensor]] = []
    pooled: list[tuple[torch.Tensor, torch.Tensor]] = []
    own = torch.nn.functional.scaled_dot_product_attention

    def recorded(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, dropout_p: float) -> torch.Tensor:
        attended.append((value, own(query, key, value, dropout_p=dropout_p)))
        return attended[-1][1]

    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", recorded)
    for block in network.attention:
        block.register_forward_pre_hook(lambda _, inputs: sequences.append(inputs[0]))
    network.pooling.register_forward_hook(lambda _, inputs, output: pooled.append((inputs[0], output)))
    network(x)
    attention = network.attention_over_time(x)
    assert len(attended) == 2 * len(network.attention) == 6  # with the blocks that the method itself runs through
    heads = 0
    for block, sequence, (value, output) in zip(network.attention, sequences, attended, strict=False):
        weights = block.weights(sequence)
        torch.testing.assert_close(weights @ value, output)
        torch.testing.assert_close(attention.received[:, heads : heads + block.heads], weights.mean(dim=2))
        heads += block.heads
    assert attention.received.shape == (2, heads, 16) == (2, 20, 16)
    ((sequence, output),) = pooled
    torch.testing.assert_close((attention.pooling[..., None] * sequence).sum(dim=1), output)


@torch.inference_mode()
def test_without_blocks_there_is_the_pooling_alone() -> None:
    settings = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=0)
    attention = ResNetAttention(settings, 5, (32, 64)).eval().attention_over_time(torch.randn(1, 4, 32, 64))
    assert attention.received is None
    assert attention.over_time.shape == (1, 16)


def test_every_parameter_learns() -> None:
    network = small().train()
    network(torch.randn(4, 4, 32, 32)).sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not silent


def test_same_seed_same_weights() -> None:
    first, second = small(), small()
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
