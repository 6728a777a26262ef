"""The recipe: how features are made. Configuration, provenance and identity at once; one class for each kind."""

import json
from dataclasses import asdict, fields
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from features.augmentations import Augmentation, Noise, Pitch, Rolloff, Shift, Stretch
from features.augmentations.base import STRICT, PositiveRange
from features.tables import factors

# Raised whenever the tensors of every variant change; an augmentation's own change raises its own version.
KERNEL_VERSION = 3

ORIGINAL = "original"

LARGEST_PRIME = 127  # of n_fft: transforms of a prime length take its square of time and memory

Positive = Annotated[int, Field(gt=0)]


@dataclass(frozen=True, config=STRICT)
class Variants:
    """The augmentations that are stored beside the original; null leaves one out."""

    noise: Noise | None = Noise()
    shift: Shift | None = Shift()
    stretch: Stretch | None = Stretch()
    pitch: Pitch | None = Pitch()
    rolloff: Rolloff | None = Rolloff()


@dataclass(frozen=True, config=STRICT)
class Base:
    """What every kind of recipe has."""

    kernel: ClassVar[int] = KERNEL_VERSION  # a kind raises its own when its tensors alone change

    @property
    def augmentations(self) -> dict[str, Augmentation]:
        """By name, in their order."""
        return {}

    @property
    def variant_names(self) -> tuple[str, ...]:
        return (ORIGINAL, *self.augmentations)

    @property
    def spacing(self) -> dict[str, float]:
        """How far apart what the axes number is."""
        return {}

    def provenance(self, variant: str) -> dict[str, Any]:
        """All that decides the bytes of one variant's tensors, besides the recordings."""
        base = asdict(self)
        return {**base, "variant": variant, "kernel": self.kernel, "device": "cpu"}

    def identity(self, variant: str) -> str:
        """Hash of `provenance`: 32 hexadecimal digits. Equal identities mean equal tensors."""
        text = json.dumps(self.provenance(variant), sort_keys=True)
        return blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, config=STRICT)
class OfSound(Base):
    """What recipes have that start from a waveform.

    Parameters
    ----------
    sample_rate_hz, n_fft, hop_length
        Analysis rate in Hz; STFT window and step in samples, of the tensor and of the augmentations that need one.
    seed
        Of the augmentations' draws.
    variants
        The augmentations and their ranges.
    """

    sample_rate_hz: Positive = 22050
    n_fft: Annotated[int, Field(gt=1, multiple_of=2)] = 2048
    hop_length: Positive = 512
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    variants: Variants = Variants()

    @model_validator(mode="after")
    def _samples_are_covered(self) -> "OfSound":
        if self.hop_length > self.n_fft:
            raise ValueError(f"hop_length {self.hop_length} is above n_fft {self.n_fft}: samples would be skipped")
        if factors(self.n_fft // 2)[-1:] > [LARGEST_PRIME]:
            raise ValueError(f"n_fft {self.n_fft} has a prime factor above {LARGEST_PRIME}; a power of two is fastest")
        return self

    @property
    def augmentations(self) -> dict[str, Augmentation]:
        """The augmentations by name, in the order of `Variants`."""
        found = {field.name: getattr(self.variants, field.name) for field in fields(self.variants)}
        return {name: augmentation for name, augmentation in found.items() if augmentation is not None}

    @property
    def spacing(self) -> dict[str, float]:
        return {"frame_seconds": self.hop_length / self.sample_rate_hz}

    def provenance(self, variant: str) -> dict[str, Any]:
        decided = super().provenance(variant)
        del decided["variants"], decided["seed"]
        if variant != ORIGINAL:
            decided["parameters"] = asdict(getattr(self.variants, variant))
            decided |= {"augmentation": self.augmentations[variant].version, "seed": self.seed}
        return decided


@dataclass(frozen=True, config=STRICT)
class MelFrames(OfSound):
    """What recipes of mel frames have.

    Parameters
    ----------
    n_mels, fmin_hz, fmax_hz
        Mel bands between two frequencies in Hz; `fmax_hz` null is half the sample rate.
    mel_scale, mel_norm
        As librosa's `htk` and `norm`; with `mel_norm` null a band's weights reach 1, whatever its width.
    frames
        Frames of the tensor; longer clips are cut in the centre, shorter ones are reflected.
    """

    n_mels: Positive = 128
    fmin_hz: Annotated[float, Field(ge=0)] = 0.0
    fmax_hz: Annotated[float, Field(gt=0)] | None = None
    mel_scale: Literal["slaney", "htk"] = "slaney"
    mel_norm: Literal["slaney"] | None = "slaney"
    frames: Annotated[int, Field(ge=2)] = 1320

    dimensions: ClassVar[tuple[str, ...]] = ("row", "frame", "channel")
    channels: ClassVar[tuple[str, ...]]

    @model_validator(mode="after")
    def _bands_exist(self) -> "MelFrames":
        top_hz = self.sample_rate_hz / 2 if self.fmax_hz is None else self.fmax_hz
        if not self.fmin_hz < top_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"needs fmin_hz < fmax_hz <= sample_rate_hz / 2, got {self.fmin_hz:g}, {top_hz:g}, "
                f"{self.sample_rate_hz / 2:g}"
            )
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one tensor: (rows, frames, channels)."""
        return (self.n_mels, self.frames, len(self.channels))

    def cut(self, samples: int) -> slice:
        """What is used of a longer recording: so many samples around its centre as give exactly `frames` frames."""
        longest = (self.frames - 1) * self.hop_length
        start = max(0, (samples - longest) // 2)
        return slice(start, start + longest)


@dataclass(frozen=True, config=STRICT)
class Recipe(MelFrames):
    """The normalised four-channel tensor `(n_mels, frames, 4)`: log-mel, MFCC, delta, delta-delta.

    Parameters
    ----------
    n_mfcc
        Cepstral coefficients, spread to `n_mels` rows by a cubic spline.
    dtype
        Type in the store.
    layout
        `dense`, or `compact`: before the spline, as `(n_mels + 3 · n_mfcc, frames)`, the mel bands and then the
        coefficients, their deltas and delta-deltas. `features.tensors.four_channel.expanded` applies the spline.
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


@dataclass(frozen=True, config=STRICT)
class LogMelRecipe(MelFrames):
    """One log-mel channel `(n_mels, frames, 1)` in dB against 1, not normalised."""

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


@dataclass(frozen=True, config=STRICT)
class WaveformRecipe(OfSound):
    """The waveform `(samples,)`: band-passed, mean removed, peak 1.

    Parameters
    ----------
    samples
        Of longer recordings the last ones are used; after shorter ones come zeros.
    band_hz, filter_order
        A Butterworth band-pass, applied forwards and backwards; null leaves it out.
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
        """What is used of a longer recording: its end."""
        return slice(max(0, samples - self.samples), samples)


@dataclass(frozen=True, config=STRICT)
class SpectrogramRecipe(Base):
    """A spectrogram `(rows, frames, 1)` that comes ready, row after row; nothing is computed, and nothing augmented."""

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


SoundRecipe = Recipe | LogMelRecipe | WaveformRecipe
AnyRecipe = Annotated[SoundRecipe | SpectrogramRecipe, Field(discriminator="kind")]


def recorded_recipe(described: dict[str, Any]) -> AnyRecipe:
    """A recipe from what `dataclasses.asdict` made of it. Raises `pydantic.ValidationError` when it is no recipe."""
    return TypeAdapter(AnyRecipe).validate_python(described)
