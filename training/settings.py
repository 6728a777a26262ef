"""How a model is built and trained, as a user writes it. The defaults are the published ones."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ResNetAttentionModel(Section):
    """For four-channel tensors. `width` scales all layers (1.0 as published); `blocks` is the depth."""

    reads: ClassVar[str] = "four_channel"  # the kind of recipe
    name: Literal["resnet_attention"] = "resnet_attention"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    blocks: tuple[Positive, Positive, Positive] = (3, 3, 2)
    attention_blocks: Annotated[int, Field(ge=0, le=3)] = 3
    dropout: Dropout = 0.5  # of the head's first layer; falls to 0.4 of it


# Of `cnn1d_attention`, as published; the small one is for a GPU of 16 GB.
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


class Cnn1dAttentionModel(Section):
    """For waveforms. What is not given is as in the preset."""

    reads: ClassVar[str] = "waveform"
    name: Literal["cnn1d_attention"] = "cnn1d_attention"
    preset: Literal["full", "small"] = "full"
    filters: Annotated[tuple[Positive, ...], Field(min_length=1)]
    kernels: Annotated[tuple[Positive, ...], Field(min_length=1)]
    stride: Positive
    heads: Positive
    dense: tuple[Positive, ...]
    dropout: Dropout

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


Model = Annotated[ResNetAttentionModel | Cnn1dAttentionModel, Field(discriminator="name")]


class Training(Section):
    """The defaults are those of `resnet_attention`; `PUBLISHED` has what is different for other models."""

    epochs: Positive = 120
    batch_size: Positive = 16
    accumulate: Positive = 1  # batches whose gradients are added up before a step
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    schedule: Literal["decay", "cosine"] = "decay"
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0  # largest norm of all gradients together
    # In the loss: of every class alike, against their shares of the training clips, or so much for the positive one.
    class_weight: Literal["none", "balanced"] | Annotated[float, Field(gt=0)] = "none"
    patience: Positive = 25  # epochs without a better validation loss before training stops
    variants: Literal["all", "one"] = "all"  # per clip and epoch: every stored variant, or one that is drawn
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    # Stop before the epoch that would go beyond it; the same command goes on. Seconds, or hours:minutes:seconds.
    max_time: Annotated[timedelta, Field(gt=timedelta(0))] | None = None


PUBLISHED: dict[str, dict[str, Any]] = {
    "resnet_attention": {},
    "cnn1d_attention": {
        "epochs": 50,
        "batch_size": 4,
        "accumulate": 4,
        "schedule": "cosine",
        "weight_decay": 0.0,
        "class_weight": 5.0,
        "patience": 10,
    },
}
