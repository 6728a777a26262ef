"""The contract of augmentations, and the ranges that they draw from."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

import numpy as np
from pydantic import AfterValidator, BeforeValidator

if TYPE_CHECKING:
    from features.sound import Clip


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"the lower end {value[0]:g} is above the upper end {value[1]:g}")
    return value


def _positive(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] <= 0:
        raise ValueError("must be above 0")
    return value


def within(low: float, high: float) -> AfterValidator:
    """Return a validator of ranges beyond which a draw is surely a mistake, and may take all memory."""

    def check(value: tuple[float, float]) -> tuple[float, float]:
        if not low <= value[0] <= value[1] <= high:
            raise ValueError(f"must be within {low:g} and {high:g}")
        return value

    return AfterValidator(check)


# [low, high] for a uniform draw; a single number is a fixed value.
Range = Annotated[tuple[float, float], BeforeValidator(_pair), AfterValidator(_ordered)]
PositiveRange = Annotated[Range, AfterValidator(_positive)]


def uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """Draw a float64 from [low, high). A fixed value takes its place in the stream as well.

    From `ManyGenerators` it is an array, with a value for each recording.
    """
    return rng.uniform(*bounds)


class Augmentation(Protocol):
    """A frozen dataclass of ranges that changes waveforms: draw first, apply second.

    The drawn parameters are recorded, and applying them again gives the same waveform.

    Attributes
    ----------
    version : int
        Raised whenever the output of `apply` changes.
    order : int
        Place among the variants of a store.

    Examples
    --------
    >>> from typing import ClassVar
    >>> from pydantic.dataclasses import dataclass
    >>> from features.strict import STRICT
    >>> @dataclass(frozen=True, config=STRICT)
    ... class Gain:
    ...     factor: PositiveRange = (0.5, 2.0)
    ...
    ...     version: ClassVar[int] = 1
    ...     order: ClassVar[int] = 6
    ...
    ...     def draw(self, rng):
    ...         return {"factor": uniform(rng, self.factor)}
    ...
    ...     def apply(self, clip, parameters, rng):
    ...         return clip.samples * np.float32(parameters["factor"])
    >>> Gain(factor=2).draw(np.random.default_rng(0))
    {'factor': 2.0}
    """

    version: ClassVar[int]
    order: ClassVar[int]

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """Draw parameters, named with their units, in the order in which they are drawn."""
        ...

    def apply(self, clip: "Clip", parameters: dict[str, float], rng: np.random.Generator) -> np.ndarray:
        """Return the augmented waveform `(samples,)` float32, not clipped; `rng` continues where `draw` stopped."""
        ...
