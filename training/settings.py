"""How a model is built and trained, as a user writes it. The defaults are the published ones."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    # The text below a field is its description in the documentation and in the JSON schema.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


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


class CnnModel(Section):
    """For four-channel tensors: eleven convolutions, a structure that can be searched."""

    reads: ClassVar[str] = "four_channel"
    name: Literal["cnn"] = "cnn"
    depth: Annotated[int, Field(ge=1, le=16)] = 11
    width: Annotated[int, Field(ge=16, le=256, multiple_of=16)] = 32  # channels of the first two
    kernel: Literal[3, 5, 7] = 3
    pooling: Literal["max", "average"] = "max"  # over all rows and frames, before the dense layers
    dense: tuple[Positive, ...] = (256,)
    dropout: Dropout = 0.5


class SpectrogramModel(Section):
    """What networks for one channel have, which they standardise by what the training clips say."""

    reads: ClassVar[str] = "spectrogram"
    smallest: ClassVar[int] = 1  # rows and frames
    crop: tuple[Positive, Positive] | None = None  # rows and frames that the network sees: anywhere in training
    # Parts of a clip in evaluation, spread evenly over rows and over frames, their probabilities averaged.
    test_crops: tuple[Positive, Positive] = (1, 1)


class LogMelModel(SpectrogramModel):
    reads: ClassVar[str] = "log_mel"
    crop: tuple[Positive, Positive] | None = (100, 384)


class ResNet18Model(LogMelModel):
    """`width` scales all layers."""

    name: Literal["resnet18"] = "resnet18"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0


class Cnn8Model(LogMelModel):
    """Eight convolutions, every other one with stride 2, and average pooling."""

    name: Literal["cnn8"] = "cnn8"
    channels: Annotated[tuple[Positive, ...], Field(min_length=8, max_length=8)] = (32, 32, 64, 64, 128, 128, 256, 256)
    dropout: Dropout = 0.0


class Cnn6Model(LogMelModel):
    """Six convolutions, four of them with max-pooling, and mean and maximum over time: otogura's own."""

    smallest: ClassVar[int] = 31
    name: Literal["cnn6"] = "cnn6"
    channels: Annotated[tuple[Positive, ...], Field(min_length=6, max_length=6)] = (32, 48, 96, 128, 192, 192)
    dropout: Dropout = 0.0


class Cnn4Model(LogMelModel):
    """Four convolutions, each with max-pooling, and dense layers."""

    smallest: ClassVar[int] = 39
    name: Literal["cnn4"] = "cnn4"
    channels: Annotated[tuple[Positive, ...], Field(min_length=4, max_length=4)] = (64, 128, 256, 512)
    dense: tuple[Positive, ...] = (512,)
    dropout: Dropout = 0.5


class ResNetBottleneckModel(SpectrogramModel):
    """`blocks` of each stage: six as published."""

    name: Literal["resnet_bottleneck"] = "resnet_bottleneck"
    blocks: Positive = 6


AnyModel = (
    ResNetAttentionModel
    | Cnn1dAttentionModel
    | CnnModel
    | ResNet18Model
    | Cnn8Model
    | Cnn6Model
    | Cnn4Model
    | ResNetBottleneckModel
)
Model = Annotated[AnyModel, Field(discriminator="name")]
MODELS: dict[str, type[AnyModel]] = {kind.model_fields["name"].default: kind for kind in get_args(AnyModel)}


class Augment(Section):
    """Drawn anew for every clip, variant, view and epoch. Masks are of one width each, from none to their largest."""

    row_masks: Annotated[int, Field(ge=0, le=16)] = 0
    row_mask: Annotated[float, Field(gt=0, lt=1)] = 0.1  # the largest, as a share of all rows
    frame_masks: Annotated[int, Field(ge=0, le=16)] = 0
    frame_mask: Annotated[float, Field(gt=0, lt=1)] = 0.1
    row_shift: Annotated[int, Field(ge=0)] = 0  # the largest, up or down
    frame_shift: Annotated[int, Field(ge=0)] = 0
    # Decibels, up or down: of a clip as a whole, and at five places over its rows, with straight lines between them.
    gain_db: Annotated[float, Field(ge=0, le=40)] = 0.0
    filter_db: Annotated[float, Field(ge=0, le=40)] = 0.0
    mixup: Annotated[float, Field(ge=0)] = 0.0  # alpha of the Beta distribution; 0 mixes nothing

    @property
    def of_spectrograms(self) -> bool:
        """Whether anything is drawn that only networks for one channel are shown."""
        return bool(
            self.row_masks or self.frame_masks or self.row_shift or self.frame_shift or self.gain_db or self.filter_db
        )


class Training(Section):
    """The defaults are those of `resnet_attention`; `PUBLISHED` has what is different for other models."""

    epochs: Positive = 120
    batch_size: Positive = 16
    accumulate: Positive = 1  # batches whose gradients are added up before a step
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    schedule: Literal["decay", "cosine", "constant"] = "decay"
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0  # largest norm of all gradients together
    # In the loss: of every class alike, against their shares of the training clips, or so much for the positive one.
    # The loss of a step is the weighted sum over its clips, over their number and over the training clips' mean weight.
    class_weight: Literal["none", "balanced"] | Annotated[float, Field(gt=0)] = "none"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    keep: Literal["best", "last"] = "best"  # the weights of the epoch with the lowest validation loss, or of the last
    # Whether clips are kept from training, to choose the epoch and to compare experiments by: where `keep` needs them.
    validation: bool | None = None
    patience: Positive = 25  # epochs without a better validation loss before training stops
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0  # decay per step of the weights' moving average, which is kept
    # Per clip, view and epoch: every stored variant, one that is drawn, or the original alone.
    variants: Literal["all", "one", "original"] = "all"
    views: Positive = 1  # of each clip in an epoch
    # Four-channel tensors: as stored, by the statistics of each clip, or by those of the training clips.
    normalise: Literal["clip", "train"] = "clip"
    augment: Augment = Augment()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    # Stop before the epoch that would go beyond it; the same command goes on. Seconds, or hours:minutes:seconds.
    max_time: Annotated[timedelta, Field(gt=timedelta(0))] | None = None

    @property
    def validates(self) -> bool:
        """Whether some clips are kept from training and scored after each epoch."""
        return self.keep == "best" if self.validation is None else self.validation

    @model_validator(mode="after")
    def _has_what_it_chooses_by(self) -> "Training":
        if self.keep == "best" and not self.validates:
            raise ValueError("the best epoch is the one with the lowest validation loss; say keep: last as well")
        return self


ENVIRONMENT = {
    "epochs": 40,
    "batch_size": 400,
    "learning_rate": 3e-4,
    "schedule": "constant",
    "weight_decay": 1e-3,
    "keep": "last",
    "variants": "original",
    "views": 5,
    "augment": {"row_masks": 2, "frame_masks": 2},
}

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
    "cnn": {"epochs": 60, "batch_size": 32, "schedule": "cosine"},
    "resnet18": ENVIRONMENT,
    "cnn8": ENVIRONMENT,
    "cnn6": ENVIRONMENT,
    "cnn4": ENVIRONMENT,
    "resnet_bottleneck": {
        "epochs": 60,
        "batch_size": 32,
        "schedule": "cosine",
        "weight_decay": 0.0,
        "augment": {"row_masks": 1, "frame_masks": 1, "row_shift": 1, "frame_shift": 5},
    },
}
