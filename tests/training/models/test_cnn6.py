"""The network of six convolutions by its definition."""

import torch

from features.tensors.log_mel import LogMelRecipe
from training.models.build import build
from training.models.cnn6.settings import Cnn6Model


@torch.inference_mode()
def test_cnn6_pools_means_over_rows_by_their_mean_and_maximum() -> None:
    network = build(Cnn6Model(crop=(31, 31)), 50, LogMelRecipe()).eval().network
    assert network.convolutions(torch.zeros(1, 1, 100, 384)).shape == (1, 192, 3, 12)
    assert network.convolutions(torch.zeros(1, 1, 31, 31)).shape == (1, 192, 1, 1)
    network.convolutions = torch.nn.Identity()
    network.head = torch.nn.Identity()
    places = torch.tensor([[1.0, 5.0, 3.0], [3.0, 7.0, 5.0]])  # rows, frames
    assert network(places[None, None]).tolist() == [[4.0, 6.0]]
