"""Settings of the residual network with self-attention over time."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from training.models.base import Dropout, NetworkSettings
from training.settings import Positive


class ResNetAttentionModel(NetworkSettings):
    """Residual network with self-attention, on four-channel tensors.

    `width` scales all layers (1.0 as published); `blocks` is the depth.
    """

    reads: ClassVar[str] = "four_channel"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"music": {"kind": "four_channel"}}

    name: Literal["resnet_attention"] = "resnet_attention"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0  # 1.0 has 64, 128 and 256 channels
    blocks: tuple[Positive, Positive, Positive] = (3, 3, 2)  # residual blocks of each stage
    attention_blocks: Annotated[int, Field(ge=0, le=3)] = 3
    dropout: Dropout = 0.5  # of the head's first layer; falls linearly to 0.4 of it
