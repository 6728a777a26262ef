"""The waveform network by its definition, in both sizes."""

import pytest
import torch

from features.tensors.waveform import WaveformRecipe
from training.models.build import build
from training.models.cnn1d_attention.settings import PRESETS, Cnn1dAttentionModel


@torch.inference_mode()
def test_the_waveform_network_is_as_published() -> None:
    network = build(Cnn1dAttentionModel(), 2, WaveformRecipe()).eval()
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv1d)]
    assert [(m.out_channels, m.kernel_size, m.stride) for m in convolutions] == [
        (64, (255,), (1,)),
        (128, (63,), (1,)),
        (128, (31,), (1,)),
    ]
    assert (network.attention.embed_dim, network.attention.num_heads) == (128, 4)
    assert [m.out_features for m in network.head if isinstance(m, torch.nn.Linear)] == [256, 128, 2]
    assert network(torch.randn(2, 44100)).shape == (2, 2)


@pytest.mark.parametrize("samples", [700, 11025, 22050])
@torch.inference_mode()
def test_the_small_preset_takes_waveforms_of_any_length(samples: int) -> None:
    network = build(Cnn1dAttentionModel(preset="small"), 2, WaveformRecipe()).eval()
    assert [m.stride for m in network.modules() if isinstance(m, torch.nn.Conv1d)] == [(2,)] * 3
    assert network(torch.randn(3, samples)).shape == (3, 2)


@torch.inference_mode()
def test_attention_is_that_of_the_forward_pass() -> None:
    """Recompute what torch's attention returned from values and weights."""
    network = build(Cnn1dAttentionModel(preset="small"), 2, WaveformRecipe()).eval()
    x, outputs = torch.randn(2, 4000), []
    network.attention.register_forward_hook(lambda _, inputs, output: outputs.append((inputs[0], output[0])))
    network(x)
    ((normed, attended),) = outputs
    width, heads = normed.shape[2], network.attention.num_heads
    projected = torch.nn.functional.linear(normed, network.attention.in_proj_weight, network.attention.in_proj_bias)
    query, key, value = projected.view(*normed.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)
    weights = (query @ key.transpose(2, 3) / (width / heads) ** 0.5).softmax(dim=3)
    joined = (weights @ value).transpose(1, 2).reshape(normed.shape)
    torch.testing.assert_close(network.attention.out_proj(joined), attended, atol=1e-5, rtol=1e-4)
    attention = network.attention_over_time(x)
    assert attention.pooling is None
    torch.testing.assert_close(attention.received, weights.mean(dim=2))


def test_what_is_given_goes_before_the_preset() -> None:
    settings = Cnn1dAttentionModel(preset="small", dropout=0.1, heads=4)
    assert (settings.dropout, settings.heads, settings.filters) == (0.1, 4, PRESETS["small"]["filters"])


@pytest.mark.parametrize("wrong", [{"filters": [8, 8]}, {"heads": 3}, {"preset": "tiny"}])
def test_parts_that_do_not_fit_together_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"needs|preset"):
        Cnn1dAttentionModel(**wrong)
