"""Settings of eight convolutions that downsample by their strides."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from training.models.base import Dropout, LogMelModel
from training.settings import Positive


class Cnn8Model(LogMelModel):
    """Eight convolutions, every other one with stride 2, and average pooling."""

    corpora: ClassVar[tuple[str, ...]] = ("esc50", "esc50.csv")
    name: Literal["cnn8"] = "cnn8"

    channels: Annotated[tuple[Positive, ...], Field(min_length=8, max_length=8)] = (32, 32, 64, 64, 128, 128, 256, 256)
    """Channels of the 3×3 convolutions, each with batch norm and ReLU."""

    dropout: Dropout = 0.0
    """Dropout before the last layer."""
