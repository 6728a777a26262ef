"""The recipe: how features are made. Configuration, provenance and identity at once."""

import json
from dataclasses import asdict, fields
from hashlib import blake2b
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from features.augmentations import Augmentation, Noise, Pitch, Rolloff, Shift, Stretch
from features.augmentations.base import STRICT

# Raised whenever the tensors of every variant change; an augmentation's own change raises its own version.
KERNEL_VERSION = 1

ORIGINAL = "original"

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
class Recipe:
    """Definition of the four-channel tensor `(n_mels, frames, 4)`: log-mel, MFCC, delta, delta-delta.

    Parameters
    ----------
    sample_rate_hz, n_fft, hop_length
        Analysis rate in Hz; STFT window and step in samples.
    n_mels, fmin_hz, fmax_hz
        Slaney mel bands between two frequencies in Hz; `fmax_hz` null is half the sample rate.
    n_mfcc
        Cepstral coefficients, spread to `n_mels` rows by a cubic spline.
    frames
        Frames of the tensor; longer clips are cut in the centre, shorter ones are reflected.
    dtype
        Type in the store.
    seed
        Of the augmentations' draws.
    variants
        The augmentations and their ranges.
    """

    sample_rate_hz: Positive = 22050
    n_fft: Annotated[int, Field(gt=1, multiple_of=2)] = 2048
    hop_length: Positive = 512
    n_mels: Positive = 128
    n_mfcc: Annotated[int, Field(ge=4)] = 13  # a not-a-knot spline needs four knots
    frames: Annotated[int, Field(ge=2)] = 1320
    fmin_hz: Annotated[float, Field(ge=0)] = 0.0
    fmax_hz: Annotated[float, Field(gt=0)] | None = None
    dtype: Literal["float16", "float32"] = "float16"
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    variants: Variants = Variants()

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if self.hop_length > self.n_fft:
            raise ValueError(f"hop_length {self.hop_length} is above n_fft {self.n_fft}: samples would be skipped")
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc {self.n_mfcc} is above n_mels {self.n_mels}")
        top_hz = self.sample_rate_hz / 2 if self.fmax_hz is None else self.fmax_hz
        if not self.fmin_hz < top_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"needs fmin_hz < fmax_hz <= sample_rate_hz / 2, got {self.fmin_hz:g}, {top_hz:g}, "
                f"{self.sample_rate_hz / 2:g}"
            )
        return self

    @property
    def max_samples(self) -> int:
        """Longer recordings are cut to this many samples, which give exactly `frames` frames."""
        return (self.frames - 1) * self.hop_length

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one tensor: (rows, frames, channels)."""
        return (self.n_mels, self.frames, 4)

    @property
    def augmentations(self) -> dict[str, Augmentation]:
        """The augmentations by name, in the order of `Variants`."""
        found = {field.name: getattr(self.variants, field.name) for field in fields(self.variants)}
        return {name: augmentation for name, augmentation in found.items() if augmentation is not None}

    @property
    def variant_names(self) -> tuple[str, ...]:
        return (ORIGINAL, *self.augmentations)

    def provenance(self, variant: str) -> dict[str, Any]:
        """All that decides the bytes of one variant's tensors, besides the recordings."""
        base = asdict(self)
        del base["variants"], base["seed"]
        chosen: dict[str, Any] = {"variant": variant, "kernel": KERNEL_VERSION, "device": "cpu"}
        if variant != ORIGINAL:
            augmentation = self.augmentations[variant]
            chosen["parameters"] = asdict(getattr(self.variants, variant))
            chosen |= {"augmentation": augmentation.version, "seed": self.seed}
        return {**base, **chosen}

    def identity(self, variant: str) -> str:
        """Hash of `provenance`: 32 hexadecimal digits. Equal identities mean equal tensors."""
        text = json.dumps(self.provenance(variant), sort_keys=True)
        return blake2b(text.encode(), digest_size=16).hexdigest()
