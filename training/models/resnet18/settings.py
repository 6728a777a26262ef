"""Settings of ResNet-18."""

from typing import Annotated, Literal

from pydantic import Field

from training.models.base import LogMelModel


class ResNet18Model(LogMelModel):
    """`width` scales all layers."""

    name: Literal["resnet18"] = "resnet18"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
