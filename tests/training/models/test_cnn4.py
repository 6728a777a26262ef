"""The network of four convolutions by its definition."""

import torch

from features.tensors.log_mel import LogMelRecipe
from training.models.build import build
from training.models.cnn4.settings import Cnn4Model


@torch.inference_mode()
def test_cnn4_leaves_what_is_published_before_its_dense_layers() -> None:
    network = build(Cnn4Model(), 50, LogMelRecipe()).eval()
    assert network.network.convolutions(torch.zeros(1, 1, 100, 384)).shape == (1, 512, 2, 11)
    assert network(torch.randn(2, 1, 128, 431)).shape == (2, 50)
