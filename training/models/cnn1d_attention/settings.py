"""Settings of convolutions along a waveform with self-attention, in two published sizes."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from training.models.base import Dropout, NetworkSettings
from training.settings import Positive

# As published.
PRESETS: dict[str, dict[str, Any]] = {
    "full": {
        "filters": (64, 128, 128),
        "kernels": (255, 63, 31),
        "stride": 1,
        "heads": 4,
        "dense": (256, 128),
        "dropout": 0.3,
    },
    "small": {
        "filters": (32, 64, 64),
        "kernels": (63, 31, 15),
        "stride": 2,
        "heads": 2,
        "dense": (128, 64),
        "dropout": 0.4,
    },
}


class Cnn1dAttentionModel(NetworkSettings):
    """1-D convolutions and attention on waveforms; settings that are not given are those of the preset."""

    reads: ClassVar[str] = "waveform"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "waveform": {"kind": "waveform"},
        "waveform_small": {"kind": "waveform", "samples": 22050},
    }
    corpora: ClassVar[tuple[str, ...]] = ("json",)
    published: ClassVar[dict[str, Any]] = {
        "epochs": 50,
        "batch_size": 4,
        "accumulate": 4,
        "schedule": "cosine",
        "weight_decay": 0.0,
        "class_weight": 5.0,
        "patience": 10,
    }

    name: Literal["cnn1d_attention"] = "cnn1d_attention"

    preset: Literal["full", "small"] = "full"
    """Published size; the small one is for a GPU of 16 GB, and reads the recipe `waveform_small` by default."""

    filters: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Filters of each convolution, which batch norm, ReLU and max-pooling by 4 follow. The last number is the width of
    the attention."""

    kernels: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Lengths of the kernels, one for each of `filters`."""

    stride: Positive
    """Stride of every convolution."""

    heads: Positive
    """Heads of the attention, a divisor of its width."""

    dense: tuple[Positive, ...]
    """Sizes of the dense layers between the attention and the last layer."""

    dropout: Dropout
    """Dropout after each dense layer."""

    @classmethod
    def default_recipe(cls, settings: dict[str, Any]) -> str:
        return "waveform_small" if settings.get("preset") == "small" else "waveform"

    @model_validator(mode="before")
    @classmethod
    def _as_the_preset(cls, data: Any) -> Any:
        return PRESETS.get(str(data.get("preset", "full")), {}) | data if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _fits_together(self) -> "Cnn1dAttentionModel":
        if len(self.filters) != len(self.kernels):
            raise ValueError(f"needs as many kernels as filters, got {len(self.kernels)} and {len(self.filters)}")
        if self.filters[-1] % self.heads:
            raise ValueError(f"needs heads that divide the last filters, got {self.heads} and {self.filters[-1]}")
        return self
