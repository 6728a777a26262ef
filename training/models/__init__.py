"""The networks, one file each."""

from training.models.resnet_attention import ResNetAttention

__all__ = ["ResNetAttention"]
