"""Parts of spectrograms that networks for one channel are shown."""

import numpy as np
import pytest
import torch

from features.tensors.log_mel import LogMelRecipe
from training.models.build import build
from training.models.cnn8.settings import Cnn8Model
from training.models.crops import Crops, Standard
from training.models.network import Attention


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


class Attentive(Corner):
    """Network that attends to the second of two halves of its part, with one head."""

    def attention_over_time(self, x: torch.Tensor) -> Attention:
        return Attention(None, torch.tensor([0.0, 1.0]).expand(len(x), 1, 2))


def test_attention_to_parts_is_attention_to_the_frames_of_the_clip() -> None:
    crops = Crops(Attentive(), Standard(), (4, 10), (2, 2)).eval()
    attention = crops.attention_over_time(torch.zeros(3, 1, 6, 14))
    expected = torch.zeros(14)
    for left in (0, 4):
        expected[left + 5 : left + 10] += 1 / 10
    assert attention.pooling is None
    torch.testing.assert_close(attention.received, expected.expand(3, 1, 14))
    assert Crops(Corner(), Standard(), (4, 10)).attention_over_time(torch.zeros(3, 1, 6, 14)) is None
