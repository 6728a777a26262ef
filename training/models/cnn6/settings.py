"""Settings of six convolutions with max-pooling."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from training.models.base import Dropout, LogMelModel
from training.settings import Positive


class Cnn6Model(LogMelModel):
    """Six convolutions, four of them with max-pooling, and mean and maximum over time: otogura's own."""

    smallest: ClassVar[int] = 31
    name: Literal["cnn6"] = "cnn6"

    channels: Annotated[tuple[Positive, ...], Field(min_length=6, max_length=6)] = (32, 48, 96, 128, 192, 192)
    """Channels of a 5×5 convolution with stride 2 and of five of 3×3, each with batch norm and ReLU."""

    dropout: Dropout = 0.0
    """Dropout before the last layer."""
