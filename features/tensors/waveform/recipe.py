"""The recipe of the waveform tensor."""

from typing import ClassVar, Literal

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from features.augmentations.base import PositiveRange
from features.recipe import KERNEL_VERSION, Positive, SoundRecipe
from features.strict import STRICT


@dataclass(frozen=True, config=STRICT)
class WaveformRecipe(SoundRecipe):
    """Recipe of the waveform `(samples,)`: band-passed, mean removed, peak 1.

    Parameters
    ----------
    samples
        Of longer recordings the last ones are used; after shorter ones come zeros.
    band_hz
        Lower and upper end of a Butterworth band-pass in Hz, which is applied forwards and backwards; null leaves it
        out.
    filter_order
        Order of the band-pass.
    dtype
        Type of the values in the store.
    """

    kind: Literal["waveform"] = "waveform"
    sample_rate_hz: Positive = 44100
    samples: Positive = 44100
    band_hz: PositiveRange | None = (20.0, 8000.0)
    filter_order: Positive = 4
    dtype: Literal["float16", "float32"] = "float32"

    kernel: ClassVar[int] = KERNEL_VERSION + 1
    dimensions: ClassVar[tuple[str, ...]] = ("sample",)
    channels: ClassVar[tuple[str, ...]] = ("waveform",)
    statistics: ClassVar[tuple[str, ...]] = ("waveform",)
    units: ClassVar[str] = "1 (peak; see statistics)"

    @model_validator(mode="after")
    def _band_exists(self) -> "WaveformRecipe":
        if self.band_hz is not None and not self.band_hz[0] < self.band_hz[1] < self.sample_rate_hz / 2:
            raise ValueError(
                f"needs band_hz[0] < band_hz[1] < sample_rate_hz / 2, got {self.band_hz[0]:g}, {self.band_hz[1]:g}, "
                f"{self.sample_rate_hz / 2:g}"
            )
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.samples,)

    def cut(self, samples: int) -> slice:
        """Return the part of a recording to use: its end."""
        return slice(max(0, samples - self.samples), samples)
