"""Settings of the residual network with self-attention over time."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from training.models.base import Dropout, NetworkSettings
from training.settings import Positive


class ResNetAttentionModel(NetworkSettings):
    """Residual network with self-attention, on four-channel tensors."""

    reads: ClassVar[str] = "four_channel"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"music": {"kind": "four_channel"}}

    name: Literal["resnet_attention"] = "resnet_attention"

    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    """Factor on the size of all layers; 1.0 is as published, with stages of 64, 128 and 256 channels."""

    blocks: tuple[Positive, Positive, Positive] = (3, 3, 2)
    """Number of residual blocks of each stage."""

    attention_blocks: Annotated[int, Field(ge=0, le=3)] = 3
    """Number of blocks of self-attention over time."""

    dropout: Dropout = 0.5
    """Dropout after the first layer of the head. It falls linearly, to 0.4 of this after the last hidden layer."""
