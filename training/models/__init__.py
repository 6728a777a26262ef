"""The networks, one file each."""

from torch import nn

from features.recipe import Recipe
from training.compact import reading_compact
from training.models.resnet_attention import ResNetAttention
from training.settings import Model

__all__ = ["ResNetAttention", "build"]


def build(settings: Model, classes: int, recipe: Recipe) -> nn.Module:
    """A network for the tensors of a recipe, with fresh weights from torch's current random state."""
    network = ResNetAttention(
        classes,
        width=settings.width,
        blocks=settings.blocks,
        attention_blocks=settings.attention_blocks,
        dropout=settings.dropout,
    )
    return reading_compact(network, recipe) if recipe.layout == "compact" else network
