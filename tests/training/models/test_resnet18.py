"""ResNet-18 by its paper."""

from features.tensors.log_mel import LogMelRecipe
from training.models.build import build
from training.models.resnet18.settings import ResNet18Model


def test_resnet18_is_that_of_its_paper() -> None:
    """For one channel and ten classes: 11 689 512 with three and a thousand, as counted by torchvision."""
    network = build(ResNet18Model(), 10, LogMelRecipe())
    others = 2 * 7 * 7 * 64 + 990 * (512 + 1)
    assert sum(weight.numel() for weight in network.parameters()) == 11_689_512 - others
