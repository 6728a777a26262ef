"""The recipe of the log-mel tensor."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from features.recipe import MelRecipe, Positive
from features.strict import STRICT


@dataclass(frozen=True, config=STRICT)
class LogMelRecipe(MelRecipe):
    """Recipe of one log-mel channel `(n_mels, frames, 1)` in dB against 1, not normalised.

    Parameters
    ----------
    dtype
        Type of the values in the store.
    """

    kind: Literal["log_mel"] = "log_mel"
    sample_rate_hz: Positive = 44100
    fmax_hz: Annotated[float, Field(gt=0)] | None = 8000.0
    mel_scale: Literal["slaney", "htk"] = "htk"
    mel_norm: Literal["slaney"] | None = None
    frames: Annotated[int, Field(ge=2)] = 431
    dtype: Literal["float16", "float32"] = "float16"

    channels: ClassVar[tuple[str, ...]] = ("log_mel",)
    statistics: ClassVar[tuple[str, ...]] = ("log_mel",)
    units: ClassVar[str] = "dB against 1 (not normalised; statistics are the clip's mean and sd)"
