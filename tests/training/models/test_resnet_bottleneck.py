"""The bottleneck network by its publication."""

import torch

from features.tensors.spectrogram import SpectrogramRecipe
from training.models.build import build
from training.models.resnet_bottleneck.settings import ResNetBottleneckModel


@torch.inference_mode()
def test_the_bottleneck_network_has_the_published_parameters() -> None:
    network = build(ResNetBottleneckModel(), 8, SpectrogramRecipe()).eval()
    assert sum(weight.numel() for weight in network.parameters() if weight.requires_grad) == 594_600
    convolutions = network.network.convolutions
    assert convolutions(torch.zeros(1, 1, 20, 50)).shape == (1, 256, 5, 13)
    assert (convolutions[0].kernel_size, convolutions[0].out_channels) == ((3, 3), 16)
    assert network(torch.randn(2, 1, 20, 50)).shape == (2, 8)
