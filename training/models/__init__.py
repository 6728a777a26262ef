"""The networks, one file each."""

from torch import nn

from features.recipe import AnyRecipe, Recipe
from training.compact import reading_compact
from training.models.cnn1d_attention import Cnn1dAttention
from training.models.resnet_attention import ResNetAttention
from training.settings import Model, ResNetAttentionModel

__all__ = ["Cnn1dAttention", "ResNetAttention", "build"]


def build(settings: Model, classes: int, recipe: AnyRecipe) -> nn.Module:
    """A network for the tensors of a recipe, with fresh weights from torch's current random state."""
    chosen = settings.model_dump(exclude={"name", "preset"})
    if not isinstance(settings, ResNetAttentionModel):
        return Cnn1dAttention(classes, **chosen)
    network = ResNetAttention(classes, **chosen)
    return reading_compact(network, recipe) if isinstance(recipe, Recipe) and recipe.layout == "compact" else network
