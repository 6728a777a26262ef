"""Recipes: how tensors are made. A recipe is configuration, provenance and identity at once.

The classes here are the bases; each kind of tensor has its recipe in its folder below `features.tensors`.
"""

import json
from dataclasses import asdict, fields
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from features.augmentations import Augmentation, Variants
from features.augmentations.own import AnyVariants, decisive_settings
from features.fft_constants import factors
from features.strict import STRICT

# Raised whenever the tensors of every variant change; an augmentation's own change raises its own version.
KERNEL_VERSION = 3

ORIGINAL = "original"

LARGEST_PRIME = 127  # of n_fft: transforms of a prime length take its square of time and memory

Positive = Annotated[int, Field(gt=0)]


@dataclass(frozen=True, config=STRICT)
class TensorRecipe:
    """Base class of all recipes.

    Attributes
    ----------
    kind : str
        Name of the kind of tensor, which is that of its folder.
    dtype : str
        Type in the store.
    channels, statistics : tuple of str
        Names of the channels, and of the groups of values that share a location and a scale.
    units : str
        Unit of the values, for the store's attributes.
    kernel : int
        Version of the computation; a kind raises its own when its tensors alone change.

    Examples
    --------
    >>> from features.tensors.log_mel import LogMelRecipe
    >>> recipe = LogMelRecipe(frames=100, variants={"pitch": None})
    >>> recipe.shape
    (128, 100, 1)
    >>> recipe.variant_names
    ('original', 'noise', 'shift', 'stretch', 'rolloff')
    """

    kernel: ClassVar[int] = KERNEL_VERSION
    channels: ClassVar[tuple[str, ...]]
    statistics: ClassVar[tuple[str, ...]]
    units: ClassVar[str]

    if TYPE_CHECKING:  # fields of the kinds: their order is that in which a store's attributes list them

        @property
        def kind(self) -> str:
            """Return the name of the kind of tensor."""

        @property
        def dtype(self) -> str:
            """Return the type of the values in the store."""

        @property
        def dimensions(self) -> tuple[str, ...]:
            """Return the names of the axes of one tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one tensor."""
        raise NotImplementedError

    @property
    def augmentations(self) -> dict[str, Augmentation]:
        """Return the augmentations by name, in their order."""
        return {}

    @property
    def variant_names(self) -> tuple[str, ...]:
        """Return the names of the variants that are stored: `original`, and those of the augmentations."""
        return (ORIGINAL, *self.augmentations)

    @property
    def spacing(self) -> dict[str, float]:
        """Return the step of each axis in physical units, by name (`frame_seconds`)."""
        return {}

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the absolute paths of files that computing reads, besides the recordings."""
        return ()

    def provenance(self, variant: str) -> dict[str, Any]:
        """Return all that decides the bytes of one variant's tensors, besides the recordings."""
        return {**asdict(self), "variant": variant, "kernel": self.kernel, "device": "cpu"}

    def identity(self, variant: str) -> str:
        """Return a hash of `provenance`, 32 hexadecimal digits. Equal identities mean equal tensors."""
        text = json.dumps(self.provenance(variant), sort_keys=True)
        return blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, config=STRICT)
class SoundRecipe(TensorRecipe):
    """Base class of recipes that start from a waveform, which can be augmented.

    Parameters
    ----------
    sample_rate_hz
        Sample rate of the analysis in Hz, to which recordings are resampled.
    n_fft
        Window of the STFT in samples, for the tensor and for the augmentations that need one.
    hop_length
        Step of the STFT in samples, at most `n_fft`.
    seed
        Seed of the augmentations' draws.
    variants
        The augmentations and their ranges, and yours: `{NAME: {class: FILE.py:CLASS}}`, see *Write your own*.
    """

    sample_rate_hz: Positive = 22050
    n_fft: Annotated[int, Field(gt=1, multiple_of=2)] = 2048
    hop_length: Positive = 512
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    variants: AnyVariants = Variants()

    @model_validator(mode="after")
    def _samples_are_covered(self) -> "SoundRecipe":
        if self.hop_length > self.n_fft:
            raise ValueError(f"hop_length {self.hop_length} is above n_fft {self.n_fft}: samples would be skipped")
        if factors(self.n_fft // 2)[-1:] > [LARGEST_PRIME]:
            raise ValueError(f"n_fft {self.n_fft} has a prime factor above {LARGEST_PRIME}; a power of two is fastest")
        return self

    @property
    def augmentations(self) -> dict[str, Augmentation]:
        """Return the augmentations by name, in the order of `Variants`."""
        every = {field.name: getattr(self.variants, field.name) for field in fields(self.variants)}
        return {name: augmentation for name, augmentation in every.items() if augmentation is not None}

    def cut(self, samples: int) -> slice:
        """Return the part to use of a recording of that many samples at `sample_rate_hz`."""
        raise NotImplementedError

    @property
    def spacing(self) -> dict[str, float]:
        """Return the step from frame to frame in seconds."""
        return {"frame_seconds": self.hop_length / self.sample_rate_hz}

    def provenance(self, variant: str) -> dict[str, Any]:
        """Return all that decides the bytes of one variant's tensors; of the augmentations, only its own."""
        decided = super().provenance(variant)
        del decided["variants"], decided["seed"]
        if variant != ORIGINAL:
            augmentation = self.augmentations[variant]
            decided["parameters"] = decisive_settings(augmentation)
            decided |= {"augmentation": augmentation.version, "seed": self.seed}
        return decided


@dataclass(frozen=True, config=STRICT)
class MelRecipe(SoundRecipe):
    """Base class of recipes whose tensors are frames of mel bands.

    Parameters
    ----------
    n_mels
        Number of mel bands.
    fmin_hz
        Lower end of the mel bands in Hz.
    fmax_hz
        Upper end of the mel bands in Hz; null is half the sample rate.
    mel_scale
        Formula of the mel scale: Slaney's, or that of HTK (`htk` of librosa).
    mel_norm
        Norm of a band's weights (`norm` of librosa): `slaney` gives all bands the same area; with null the weights
        reach 1, whatever the band's width.
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
    def _bands_exist(self) -> "MelRecipe":
        top_hz = self.sample_rate_hz / 2 if self.fmax_hz is None else self.fmax_hz
        if not self.fmin_hz < top_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"needs fmin_hz < fmax_hz <= sample_rate_hz / 2, got {self.fmin_hz:g}, {top_hz:g}, "
                f"{self.sample_rate_hz / 2:g}"
            )
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one tensor: (rows, frames, channels)."""
        return (self.n_mels, self.frames, len(self.channels))

    def cut(self, samples: int) -> slice:
        """Return the part of a recording to use: the samples around its centre that give exactly `frames` frames."""
        return central(samples, (self.frames - 1) * self.hop_length)


def central(samples: int, longest: int) -> slice:
    """Return the part around the centre of `samples` that is at most so long."""
    start = max(0, (samples - longest) // 2)
    return slice(start, start + longest)
