"""The networks, one file each."""

from torch import nn

from training.models.resnet_attention import ResNetAttention
from training.settings import Model

__all__ = ["ResNetAttention", "build"]


def build(settings: Model, classes: int) -> nn.Module:
    """A network with fresh weights from torch's current random state."""
    return ResNetAttention(
        classes,
        width=settings.width,
        blocks=settings.blocks,
        attention_blocks=settings.attention_blocks,
        dropout=settings.dropout,
    )
