"""The recipe of the four-channel tensor."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from features.recipe import MelRecipe
from features.strict import STRICT

DEGENERATE_SD = 1e-4  # rows that vary less than this carry nothing and become zeros


@dataclass(frozen=True, config=STRICT)
class Recipe(MelRecipe):
    """Recipe of the normalised four-channel tensor `(n_mels, frames, 4)`: log-mel, MFCC, delta, delta-delta.

    Parameters
    ----------
    n_mfcc
        Cepstral coefficients, spread to `n_mels` rows by a cubic spline.
    dtype
        Type of the values in the store.
    layout
        `dense`, or `compact`: before the spline, as `(n_mels + 3 · n_mfcc, frames)`, the mel bands and then the
        coefficients, their deltas and delta-deltas. `expanded` in the kind's `spline.py` applies the spline.
    """

    kind: Literal["four_channel"] = "four_channel"
    layout: Literal["dense", "compact"] = "dense"
    n_mfcc: Annotated[int, Field(ge=4)] = 13  # a not-a-knot spline needs four knots
    dtype: Literal["float16", "float32"] = "float16"

    channels: ClassVar[tuple[str, ...]] = ("log_mel", "mfcc", "delta", "delta_delta")
    statistics: ClassVar[tuple[str, ...]] = ("log_mel", "mfcc_0", "mfcc_1_up", "delta", "delta_delta")
    units: ClassVar[str] = "1 (normalised per clip; see statistics)"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one tensor: (rows, frames, channels), or (rows, frames) where it is compact."""
        return super().shape if self.layout == "dense" else (self.n_mels + 3 * self.n_mfcc, self.frames)

    @property
    def dimensions(self) -> tuple[str, ...]:  # type: ignore[override]
        return super().dimensions if self.layout == "dense" else ("row", "frame")

    @model_validator(mode="after")
    def _coefficients_exist(self) -> "Recipe":
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc {self.n_mfcc} is above n_mels {self.n_mels}")
        return self
