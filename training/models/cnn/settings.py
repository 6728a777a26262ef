"""Settings of a stack of convolutions, whose structure can be searched."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from training.models.base import Dropout, NetworkSettings
from training.settings import Positive


class CnnModel(NetworkSettings):
    """Eleven convolutions on four-channel tensors, a structure that can be searched."""

    reads: ClassVar[str] = "four_channel"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"music": {"kind": "four_channel"}}
    corpora: ClassVar[tuple[str, ...]] = ("tags",)
    published: ClassVar[dict[str, Any]] = {"epochs": 60, "batch_size": 32, "schedule": "cosine"}
    search_space: ClassVar[dict[str, Any]] = {
        "model.depth": {"low": 4, "high": 11},
        "model.width": {"low": 16, "high": 64, "step": 16},
        "model.kernel": [3, 5],
        "model.pooling": ["max", "average"],
        "model.dropout": {"low": 0.1, "high": 0.6},
        "training.learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
    }

    name: Literal["cnn"] = "cnn"

    depth: Annotated[int, Field(ge=1, le=16)] = 11
    """Number of convolutions."""

    width: Annotated[int, Field(ge=16, le=256, multiple_of=16)] = 32
    """Channels of the first two convolutions. Every two have twice the channels of those before, up to eight times the
    width."""

    kernel: Literal[3, 5, 7] = 3
    """Rows, and frames, of the kernel of each convolution."""

    pooling: Literal["max", "average"] = "max"
    """Pooling over all rows and frames, before the dense layers."""

    dense: tuple[Positive, ...] = (256,)
    """Sizes of the dense layers between the pooling and the last layer."""

    dropout: Dropout = 0.5
    """Dropout before each dense layer and before the last layer."""
