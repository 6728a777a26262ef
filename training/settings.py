"""How a model is built and trained, as a user writes it. The defaults are the published ones."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Model(Section):
    """The network and its size. `width` scales all layers (1.0 as published); `blocks` is the depth."""

    name: Literal["resnet_attention"] = "resnet_attention"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    blocks: tuple[Positive, Positive, Positive] = (3, 3, 2)
    attention_blocks: Annotated[int, Field(ge=0, le=3)] = 3
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5  # of the head's first layer; falls to 0.4 of it


class Training(Section):
    epochs: Positive = 120
    batch_size: Positive = 16
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0  # largest norm of all gradients together
    patience: Positive = 25  # epochs without a better validation loss before training stops
    variants: Literal["all", "one"] = "all"  # per clip and epoch: every stored variant, or one that is drawn
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
