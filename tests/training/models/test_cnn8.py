"""The network of eight convolutions by its definition."""

import torch

from features.tensors.log_mel import LogMelRecipe
from training.models.build import build
from training.models.cnn8.settings import Cnn8Model


@torch.inference_mode()
def test_cnn8_downsamples_by_its_strides() -> None:
    network = build(Cnn8Model(), 50, LogMelRecipe()).eval()
    convolutions = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
    assert [part.stride[0] for part in convolutions] == [2, 1] * 4
    assert not [part for part in network.modules() if isinstance(part, torch.nn.MaxPool2d)]
    assert network(torch.randn(2, 1, 128, 431)).shape == (2, 50)
