"""Settings of four convolutions with max-pooling and dense layers."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from training.models.base import Dropout, LogMelModel
from training.settings import Positive


class Cnn4Model(LogMelModel):
    """Four convolutions, each with max-pooling, and dense layers."""

    smallest: ClassVar[int] = 39
    name: Literal["cnn4"] = "cnn4"

    channels: Annotated[tuple[Positive, ...], Field(min_length=4, max_length=4)] = (64, 128, 256, 512)
    """Channels of a 9×9 convolution with stride 2 and of three of 3×3, each with batch norm, ReLU and max-pooling by
    2."""

    dense: tuple[Positive, ...] = (512,)
    """Sizes of the dense layers between the convolutions and the last layer."""

    dropout: Dropout = 0.5
    """Dropout before each layer of `dense`."""
