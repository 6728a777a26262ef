"""The networks for one channel by their definitions, and what they are shown of a spectrogram."""

import numpy as np
import pytest
import torch

from features.tensors import recorded_recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.spectrogram import SpectrogramRecipe
from training.models import Crops, Standard, build
from training.settings import MODELS, Cnn4Model, Cnn6Model, Cnn8Model, ResNet18Model, ResNetBottleneckModel


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
def test_cnn6_pools_means_over_rows_by_their_mean_and_maximum() -> None:
    network = build(Cnn6Model(crop=(31, 31)), 50, LogMelRecipe()).eval().network
    assert network.convolutions(torch.zeros(1, 1, 100, 384)).shape == (1, 192, 3, 12)
    assert network.convolutions(torch.zeros(1, 1, 31, 31)).shape == (1, 192, 1, 1)
    network.convolutions = torch.nn.Identity()
    network.head = torch.nn.Identity()
    places = torch.tensor([[1.0, 5.0, 3.0], [3.0, 7.0, 5.0]])  # rows, frames
    assert network(places[None, None]).tolist() == [[4.0, 6.0]]


@torch.inference_mode()
def test_the_bottleneck_network_has_the_published_parameters() -> None:
    network = build(ResNetBottleneckModel(), 8, SpectrogramRecipe()).eval()
    assert sum(weight.numel() for weight in network.parameters() if weight.requires_grad) == 594_600
    convolutions = network.network.convolutions
    assert convolutions(torch.zeros(1, 1, 20, 50)).shape == (1, 256, 5, 13)
    assert (convolutions[0].kernel_size, convolutions[0].out_channels) == ((3, 3), 16)
    assert network(torch.randn(2, 1, 20, 50)).shape == (2, 8)


class Corner(torch.nn.Module):
    """Logits of two classes, the first of which says where the part begins that it is shown."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[:, :, 0, 0], torch.zeros(len(x), 1)], dim=1)


@pytest.mark.parametrize(
    ("counts", "tops", "lefts"),
    [
        ((1, 1), [1], [3]),
        ((1, 2), [1], [0, 6]),
        ((1, 4), [1], [0, 2, 4, 6]),
        ((3, 1), [0, 1, 2], [3]),
        ((2, 3), [0, 2], [0, 3, 6]),
    ],
)
def test_parts_are_spread_over_rows_and_frames_and_standardised(
    counts: tuple[int, int], tops: list[int], lefts: list[int]
) -> None:
    crops = Crops(Corner(), Standard(10.0, 20.0), (4, 14), counts).eval()
    images = torch.arange(20.0).repeat(6, 1)[None, None] + 5 * torch.arange(6.0).view(-1, 1)
    logits = np.array([(5 * top + left - 10) / 20 for top in tops for left in lefts])
    expected = np.mean(1 / (1 + np.exp(-logits)))
    assert float(crops(images).softmax(dim=1)[0, 0]) == pytest.approx(expected, rel=1e-5)
    assert {name: float(value) for name, value in crops.state_dict().items()} == {"mean": 10.0, "sd": 20.0}


def test_one_part_gives_the_logits_of_the_network() -> None:
    crops = Crops(Corner(), Standard(), (4, 14)).eval()
    assert crops(torch.full((1, 1, 4, 14), 7.0)).tolist() == [[7.0, 0.0]]


def test_in_training_what_comes_is_a_part_already() -> None:
    crops = Crops(Corner(), Standard(), (4, 14), (1, 3)).train()
    assert crops(torch.full((1, 1, 4, 14), 7.0)).tolist() == [[7.0, 0.0]]


@torch.inference_mode()
def test_evaluation_repeats_itself_whatever_shares_a_batch() -> None:
    torch.manual_seed(0)
    network = build(Cnn8Model(dropout=0.5, test_crops=(2, 3)), 5, LogMelRecipe()).eval()
    images = torch.randn(4, 1, 128, 431)
    together = network(images)
    assert torch.equal(network(images), together)
    torch.testing.assert_close(torch.cat([network(image[None]) for image in images]), together)
