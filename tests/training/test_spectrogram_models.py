"""The networks for one channel by their definitions, and what they are shown of a spectrogram."""

import numpy as np
import pytest
import torch

from features.recipe import LogMelRecipe, SpectrogramRecipe, recorded_recipe
from training.models import Crops, Standard, build
from training.settings import MODELS, Cnn4Model, Cnn8Model, ResNet18Model, ResNetBottleneckModel


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_of_the_settings_can_be_built_for_what_it_reads(name: str) -> None:
    settings = MODELS[name]()
    recipe = recorded_recipe({"kind": settings.reads})
    network = build(settings, 3, recipe)
    assert not [part for part in network.modules() if isinstance(part, torch.nn.Conv2d) and part.out_channels % 16]
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_resnet18_is_that_of_its_paper() -> None:
    """For one channel and ten classes: 11 689 512 with three and a thousand, as counted by torchvision."""
    network = build(ResNet18Model(), 10, LogMelRecipe())
    others = 2 * 7 * 7 * 64 + 990 * (512 + 1)
    assert sum(weight.numel() for weight in network.parameters()) == 11_689_512 - others


@torch.inference_mode()
def test_cnn8_downsamples_by_its_strides() -> None:
    network = build(Cnn8Model(), 50, LogMelRecipe()).eval()
    convolutions = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)]
    assert [part.stride[0] for part in convolutions] == [2, 1] * 4
    assert not [part for part in network.modules() if isinstance(part, torch.nn.MaxPool2d)]
    assert network(torch.randn(2, 1, 128, 431)).shape == (2, 50)


@torch.inference_mode()
def test_cnn4_leaves_what_is_published_before_its_dense_layers() -> None:
    network = build(Cnn4Model(), 50, LogMelRecipe()).eval()
    assert network.network.convolutions(torch.zeros(1, 1, 100, 384)).shape == (1, 512, 2, 11)
    assert network(torch.randn(2, 1, 128, 431)).shape == (2, 50)


@torch.inference_mode()
def test_the_bottleneck_network_has_the_published_parameters() -> None:
    network = build(ResNetBottleneckModel(), 8, SpectrogramRecipe()).eval()
    assert sum(weight.numel() for weight in network.parameters() if weight.requires_grad) == 594_600
    convolutions = network.network.convolutions
    assert convolutions(torch.zeros(1, 1, 20, 50)).shape == (1, 256, 5, 13)
    assert (convolutions[0].kernel_size, convolutions[0].out_channels) == ((3, 3), 16)
    assert network(torch.randn(2, 1, 20, 50)).shape == (2, 8)


class Corner(torch.nn.Module):
    """Says where the part begins that it is shown."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, 0, 0]


@pytest.mark.parametrize(("count", "lefts"), [(1, [3]), (2, [0, 6]), (3, [0, 3, 6]), (4, [0, 2, 4, 6])])
def test_parts_are_spread_over_time_and_standardised(count: int, lefts: list[int]) -> None:
    crops = Crops(Corner(), Standard(10.0, 2.0), (4, 14), count).eval()
    images = torch.arange(20.0).repeat(6, 1)[None, None] + 100 * torch.arange(6.0).view(-1, 1)
    expected = np.mean([(100 + left - 10) / 2 for left in lefts])  # the first of the four middle rows
    assert float(crops(images)) == pytest.approx(expected)
    assert {name: float(value) for name, value in crops.state_dict().items()} == {"mean": 10.0, "sd": 2.0}


def test_in_training_what_comes_is_a_part_already() -> None:
    crops = Crops(Corner(), Standard(), (4, 14), 3).train()
    assert float(crops(torch.full((1, 1, 4, 14), 7.0))) == 7


@torch.inference_mode()
def test_evaluation_repeats_itself_whatever_shares_a_batch() -> None:
    torch.manual_seed(0)
    network = build(Cnn8Model(dropout=0.5, test_crops=3), 5, LogMelRecipe()).eval()
    images = torch.randn(4, 1, 128, 431)
    together = network(images)
    assert torch.equal(network(images), together)
    torch.testing.assert_close(torch.cat([network(image[None]) for image in images]), together)
