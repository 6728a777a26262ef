"""The recipe of ready-made spectrograms."""

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from features.recipe import Positive, TensorRecipe
from features.strict import STRICT


@dataclass(frozen=True, config=STRICT)
class SpectrogramRecipe(TensorRecipe):
    """Recipe of ready-made spectrograms `(rows, frames, 1)`, given row after row; they are not augmented.

    Parameters
    ----------
    rows
        Rows of each spectrogram.
    frames
        Frames of each spectrogram.
    dtype
        Type of the values in the store.
    """

    kind: Literal["spectrogram"] = "spectrogram"
    rows: Positive = 20
    frames: Positive = 50
    dtype: Literal["float16", "float32"] = "float32"

    dimensions: ClassVar[tuple[str, ...]] = ("row", "frame", "channel")
    channels: ClassVar[tuple[str, ...]] = ("spectrogram",)
    statistics: ClassVar[tuple[str, ...]] = ("spectrogram",)
    units: ClassVar[str] = "as given (not normalised; statistics are the clip's mean and sd)"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.rows, self.frames, 1)
