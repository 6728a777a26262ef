"""Settings of ResNet-18."""

from typing import Annotated, Literal

from pydantic import Field

from training.models.base import LogMelModel


class ResNet18Model(LogMelModel):
    """ResNet-18 for one channel."""

    name: Literal["resnet18"] = "resnet18"

    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    """Factor on the channels of all layers; at 1.0 they are 64 to 512."""
