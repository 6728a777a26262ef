"""Settings of training, as a user writes them below `training:`, and the base class of all settings."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
TaskName = Literal["multiclass", "multilabel"]


class Section(BaseModel):
    """Base class of all settings: frozen, without unknown keys."""

    # The text below a field is its description, in the documentation and in the JSON schema.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class Augment(Section):
    """Augmentation, drawn anew for every clip, variant, view and epoch. All but `mixup` is for networks that read one
    spectrogram channel.
    """

    row_masks: Annotated[int, Field(ge=0, le=16)] = 0
    """Number of masks, each a band of rows that the mean of the training clips replaces."""

    row_mask: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Largest height of a mask of rows, as a share of all rows. The height is drawn, from 0 up."""

    frame_masks: Annotated[int, Field(ge=0, le=16)] = 0
    """Number of masks, each a span of frames that the mean of the training clips replaces."""

    frame_mask: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Largest width of a mask of frames, as a share of all frames. The width is drawn, from 0 up."""

    row_shift: Annotated[int, Field(ge=0)] = 0
    """Largest shift in rows, up or down."""

    frame_shift: Annotated[int, Field(ge=0)] = 0
    """Largest shift in frames, earlier or later."""

    gain_db: Annotated[float, Field(ge=0, le=40)] = 0.0
    """Largest gain of a clip as a whole in dB, up or down."""

    filter_db: Annotated[float, Field(ge=0, le=40)] = 0.0
    """Largest gain of single rows in dB, up or down. It is drawn at five places, with straight lines between them."""

    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Parameter alpha of mixup: each clip is mixed with another of its batch, in shares drawn from Beta(alpha, alpha).
    0 mixes nothing."""

    @property
    def of_spectrograms(self) -> bool:
        """Return True if anything is drawn that only networks for one channel are shown."""
        return bool(
            self.row_masks or self.frame_masks or self.row_shift or self.frame_shift or self.gain_db or self.filter_db
        )


class Training(Section):
    """Settings of one training. The defaults are those of `resnet_attention`; other networks say what they change."""

    epochs: Positive = 120
    """Number of passes over the training clips; `patience` may end training earlier."""

    batch_size: Positive = 16
    """Number of tensors in a batch, over all `devices`."""

    accumulate: Positive = 1
    """Number of batches whose gradients are added up before a step."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Base learning rate of AdamW, which `schedule` scales."""

    schedule: Literal["decay", "cosine", "constant"] = "decay"
    """Learning rate over the epochs. `decay`: a warm-up, an exponential decay and half a cosine, halved whenever 10
    epochs bring no better validation loss. `cosine`: half a cosine down to a hundredth. `constant`: the base rate."""

    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """Decoupled weight decay of AdamW."""

    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    """Largest norm of all gradients together; larger ones are scaled down to it."""

    class_weight: Literal["none", "balanced"] | Annotated[float, Field(gt=0)] = "none"
    """Weights of the classes in the loss: equal (`none`), inverse to their shares of the training clips (`balanced`),
    or a number for the positive one of two classes. The loss of a step is the weighted sum over its clips, divided by
    their number and by the mean weight of the training clips: a weight means the same at any batch size. With
    `task: multilabel` the two classes are, label by label, the clips that have it and those that have not: `balanced`
    makes both weigh the same in all, and a number is the weight of the clips that have it."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each training label that is spread evenly over all classes; with `task: multilabel` over yes and no."""

    keep: Literal["best", "last"] = "best"
    """Epoch whose weights are kept: the one with the lowest validation loss, or the last."""

    validation: bool | None = None
    """True if clips are kept from training and scored after each epoch, to choose the epoch and to compare experiments
    by. Null: where `keep` is `best`, which needs them."""

    patience: Positive = 25
    """Epochs without a better validation loss before training stops, where `keep` is `best`."""

    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per step of the moving average of the weights, which is kept in their place; 0 takes no average."""

    variants: Literal["all", "one", "original"] = "all"
    """Variants of each clip per view and epoch: `all` that are stored, `one` that is drawn, or the `original` alone."""

    views: Positive = 1
    """Number of views of each clip in an epoch, each augmented anew."""

    normalise: Literal["clip", "train"] = "clip"
    """Normalisation of four-channel tensors: by the location and scale of each `clip`, as stored, or by those of the
    clips that `train`, which are kept with the weights."""

    augment: Augment = Augment()

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the first weights and of all that is drawn in training."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device that trains: `cuda` is a GPU, and `auto` takes it if there is one, else the CPU."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the numbers in training. `auto` is bfloat16 where the hardware computes it itself, else float16 on a GPU
    and float32 on a CPU."""

    devices: Literal["auto"] | Positive = 1
    """Number of processes that train together on a machine, each on a GPU of its own or, without one, on a part of the
    CPU; `auto` is the number of GPUs. `batch_size` is that of all of them together. See *Train on several GPUs*."""

    nodes: Positive = 1
    """Number of machines that train together, with `devices` processes on each."""

    sync_batchnorm: bool = False
    """True if batch norms take mean and variance of the batch of all `devices`, as one alone would. False: of the part
    that each process has."""

    max_time: Annotated[timedelta, Field(gt=timedelta(0))] | None = None
    """Longest time of a run: seconds, or hours:minutes:seconds as in `11:30:00`. Training stops before the step that
    would go beyond it, and the same command goes on. Null: no limit."""

    checkpoint_every: Annotated[timedelta, Field(ge=timedelta(0))] = timedelta(minutes=5)
    """Time between two checkpoints within an epoch, written as `max_time` is. There is one after each epoch as well,
    and when the run is interrupted."""

    leak_meter: bool = False
    """True if the report measures what a leak would add: the same training once more with copies of one clip on all
    sides, and near-duplicates across the sides. It changes no weight of the run and doubles its time."""

    @property
    def validates(self) -> bool:
        """Return True if some clips are kept from training and scored after each epoch."""
        return self.keep == "best" if self.validation is None else self.validation

    @model_validator(mode="after")
    def _has_what_it_chooses_by(self) -> "Training":
        if self.keep == "best" and not self.validates:
            raise ValueError("the best epoch is the one with the lowest validation loss; say keep: last as well")
        return self
