"""Settings of training, as a user writes them below `training:`, and the base class of all settings."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """Base class of all settings: frozen, without unknown keys."""

    # The text below a field is its description, in the documentation and in the JSON schema.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Augment(Section):
    """Augmentation, drawn anew for every clip, variant, view and epoch.

    The width of each mask is drawn, from none to the largest.
    """

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
        """Return True if anything is drawn that only networks for one channel are shown."""
        return bool(
            self.row_masks or self.frame_masks or self.row_shift or self.frame_shift or self.gain_db or self.filter_db
        )


class Training(Section):
    """Settings of one training. The defaults are those of `resnet_attention`; other networks say what they change."""

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
        """Return True if some clips are kept from training and scored after each epoch."""
        return self.keep == "best" if self.validation is None else self.validation

    @model_validator(mode="after")
    def _has_what_it_chooses_by(self) -> "Training":
        if self.keep == "best" and not self.validates:
            raise ValueError("the best epoch is the one with the lowest validation loss; say keep: last as well")
        return self
