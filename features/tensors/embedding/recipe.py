"""The recipe of embeddings."""

from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from features.augmentations import AUGMENTATIONS, Variants
from features.augmentations.own import AnyVariants
from features.own import OwnPartError
from features.recipe import Positive, SoundRecipe, central
from features.strict import STRICT
from features.tensors.embedding.files import model_files, model_hash

PositiveSeconds = Annotated[float, Field(gt=0)]
NO_VARIANTS = Variants(**dict.fromkeys(AUGMENTATIONS))


@dataclass(frozen=True, config=STRICT, kw_only=True)
class EmbeddingRecipe(SoundRecipe):
    """Recipe of embeddings `(size, windows, 1)`: the output of a model in ONNX for windows of the waveform.

    The package onnxruntime runs the model, on one thread of a CPU; `pip install 'otogura[embedding]'` brings it.

    Parameters
    ----------
    model
        Path of the ONNX file, relative to where the command runs. It gets float32 samples in ±1, `(windows, samples)`
        or one window at a time, and returns a vector of `size` for each.
    version
        Hash of the model's files. By default that of the file that is there; another one is refused.
    size
        Length of the vectors.
    sample_rate_hz
        Sample rate in Hz that the model expects.
    window_s
        Length of a window in seconds.
    hop_s
        Time from window to window in seconds; null is `window_s`.
    windows
        Windows of a clip. They lie around the centre of longer recordings; shorter ones are reflected.
    input
        Name of the model's input; null is its only one.
    output
        Name of the model's output; null is its only one that has vectors of `size`.
    variants
        The augmentations and their ranges, and yours. By default there is none; where one is named, so are all others
        that are not null.
    dtype
        Type of the values in the store.
    """

    kind: Literal["embedding"] = "embedding"
    model: str
    version: str | None = None
    size: Positive
    sample_rate_hz: Positive = field()  # without the default of the base
    window_s: PositiveSeconds
    hop_s: PositiveSeconds | None = None
    windows: Positive = 1
    input: str | None = None
    output: str | None = None
    variants: AnyVariants = NO_VARIANTS
    dtype: Literal["float16", "float32"] = "float32"

    dimensions: ClassVar[tuple[str, ...]] = ("feature", "window", "channel")
    channels: ClassVar[tuple[str, ...]] = ("embedding",)
    statistics: ClassVar[tuple[str, ...]] = ("embedding",)
    units: ClassVar[str] = "as the model gives them (not normalised; statistics are the clip's mean and sd)"

    @model_validator(mode="before")
    @classmethod
    def _has_a_version(cls, data: Any) -> Any:
        given = getattr(data, "kwargs", data)
        if isinstance(given, dict) and isinstance(model := given.get("model"), str) and given.get("version") is None:
            try:
                return given | {"version": model_hash(Path(model).expanduser())}
            except OwnPartError as error:
                raise OwnPartError(f"model: {error}") from None
        return data

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size, self.windows, 1)

    @property
    def window(self) -> int:
        """Return the length of a window in samples."""
        return max(1, round(self.window_s * self.sample_rate_hz))

    @property
    def starts(self) -> list[int]:
        """Return the sample at which each window begins."""
        hop_s = self.window_s if self.hop_s is None else self.hop_s
        return [round(number * hop_s * self.sample_rate_hz) for number in range(self.windows)]

    @property
    def samples(self) -> int:
        """Return the number of samples from the first window to the last."""
        return self.starts[-1] + self.window

    def cut(self, samples: int) -> slice:
        """Return the part of a recording to use: its centre."""
        return central(samples, self.samples)

    @property
    def spacing(self) -> dict[str, float]:
        """Return the step from window to window in seconds."""
        return {"frame_seconds": self.window_s if self.hop_s is None else self.hop_s}

    @property
    def path(self) -> Path:
        """Return the absolute path of the model."""
        return Path(self.model).expanduser().absolute()

    @cached_property
    def files(self) -> tuple[Path, ...]:  # looked for once, since models may be large
        """Return the paths of the model and of its weights. Raises `OwnPartError` where one is missing."""
        return tuple(model_files(self.path))

    def provenance(self, variant: str) -> dict[str, Any]:
        """Return all that decides the bytes of one variant's tensors: of the model its hash, not where it lies."""
        decided = super().provenance(variant)
        del decided["model"]
        return decided
