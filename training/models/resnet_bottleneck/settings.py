"""Settings of the residual network of bottleneck blocks."""

from typing import Any, ClassVar, Literal

from training.models.base import SpectrogramModel
from training.settings import Positive


class ResNetBottleneckModel(SpectrogramModel):
    """Residual network of bottleneck blocks in three stages."""

    corpora: ClassVar[tuple[str, ...]] = ("csv",)
    published: ClassVar[dict[str, Any]] = {
        "epochs": 60,
        "batch_size": 32,
        "schedule": "cosine",
        "weight_decay": 0.0,
        "augment": {"row_masks": 1, "frame_masks": 1, "row_shift": 1, "frame_shift": 5},
    }

    name: Literal["resnet_bottleneck"] = "resnet_bottleneck"

    blocks: Positive = 6
    """Number of blocks of each stage; six as published."""
