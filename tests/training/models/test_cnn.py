"""The network whose structure is settings."""

import pytest
import torch

from features.tensors.four_channel import Recipe
from training.models.build import build
from training.models.cnn.settings import CnnModel


@torch.inference_mode()
def test_eleven_convolutions_are_pooled_before_the_dense_layers() -> None:
    network = build(CnnModel(), 5, Recipe()).eval()
    convolutions = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
    assert [part.stride[0] for part in convolutions] == [2, 1] * 5 + [2]
    assert [part.out_channels for part in convolutions] == [32, 32, 64, 64, 128, 128, *[256] * 5]
    places = network.convolutions(torch.randn(2, 4, 128, 1320))
    assert places.shape == (2, 256, 2, 21)
    assert network(torch.randn(2, 4, 128, 1320)).shape == (2, 5)


@pytest.mark.parametrize(("pooling", "changes"), [("max", False), ("average", True)])
@torch.inference_mode()
def test_pooling_is_over_all_places(pooling: str, changes: bool) -> None:
    """A weak value at one place changes a mean, and no maximum."""
    network = build(CnnModel(depth=1, dense=(), dropout=0.0, pooling=pooling), 2, Recipe()).eval()
    network.convolutions = torch.nn.Identity()
    network.head = torch.nn.Identity()
    loud = torch.ones(1, 4, 8, 8)
    weaker = loud.clone()
    weaker[0, 0, 3, 3] = 0.5
    assert bool((network(loud) != network(weaker)).any()) == changes
