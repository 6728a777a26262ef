"""The networks, one file each."""

from torch import nn

from features.tensors import AnyRecipe
from features.tensors.four_channel import Recipe
from training.compact import reading_compact
from training.models.cnn import Cnn
from training.models.cnn1d_attention import Cnn1dAttention
from training.models.cnn4 import Cnn4
from training.models.cnn6 import Cnn6
from training.models.cnn8 import Cnn8
from training.models.crops import Crops, Standard
from training.models.resnet18 import ResNet18
from training.models.resnet_attention import ResNetAttention
from training.models.resnet_bottleneck import ResNetBottleneck
from training.normalise import Renormalise, TrainStatistics
from training.settings import Cnn4Model, Model, SpectrogramModel

__all__ = [
    "Cnn",
    "Cnn1dAttention",
    "Cnn4",
    "Cnn6",
    "Cnn8",
    "Crops",
    "ResNet18",
    "ResNetAttention",
    "ResNetBottleneck",
    "Standard",
    "build",
]


NETWORKS: dict[str, type[nn.Module]] = {
    "resnet_attention": ResNetAttention,
    "cnn1d_attention": Cnn1dAttention,
    "cnn": Cnn,
    "resnet18": ResNet18,
    "cnn8": Cnn8,
    "cnn6": Cnn6,
    "cnn4": Cnn4,
    "resnet_bottleneck": ResNetBottleneck,
}


def build(
    settings: Model, classes: int, recipe: AnyRecipe, standard: Standard | TrainStatistics | None = None
) -> nn.Module:
    """A network for the tensors of a recipe, with fresh weights from torch's current random state.

    `standard` is what training clips say: for networks whose tensors are not normalised, and for four-channel tensors
    that are to be normalised by it. Its numbers are saved with the weights.
    """
    chosen = settings.model_dump(exclude={"name", "preset", "crop", "test_crops"})
    kind = NETWORKS[settings.name]
    if isinstance(settings, SpectrogramModel):
        assert not isinstance(standard, TrainStatistics)
        size = settings.crop or (recipe.shape[0], recipe.shape[1])
        network = kind(classes, size=size, **chosen) if isinstance(settings, Cnn4Model) else kind(classes, **chosen)
        return Crops(network, standard or Standard(), size, settings.test_crops)
    network = kind(classes, **chosen)
    if isinstance(recipe, Recipe) and recipe.layout == "compact":
        network = reading_compact(network, recipe)
    if isinstance(standard, TrainStatistics):
        assert isinstance(recipe, Recipe)
        network.add_module("renormalise", Renormalise(recipe, standard))
    return network
