"""The recipes of features of users' own."""

import inspect
from dataclasses import fields
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from features.own import CLASS, OwnPart, OwnPartError, OwnSettingsError, own_part, part_of
from features.own_code import PartCode
from features.own_dataclass import REFERENCE, OwnFields, renamed, settings_dataclass
from features.recipe import SoundRecipe, central
from features.strict import STRICT

OWN = "own"
OF_RECIPE = ("sample_rate_hz", "n_fft", "hop_length", "seconds")  # settings of recipes that a class may have as well
SAMPLES = "samples"  # the parameter that gets the number of samples
MOST_AXES = 3


@dataclass(frozen=True, config=STRICT)
class OwnRecipe(OwnFields, SoundRecipe):
    """Base class of the recipes of users' own features; each has a dataclass made for it, from its signature.

    Parameters
    ----------
    seconds
        Length of the part that the feature is computed from: the centre of longer recordings; shorter ones are
        reflected.
    dtype
        Type of the values in the store.
    """

    kind: Literal["own"] = "own"
    seconds: Annotated[float, Field(gt=0)] = 10.0
    dtype: Literal["float16", "float32"] = "float32"

    statistics: ClassVar[tuple[str, ...]] = ("values",)

    @cached_property
    def feature(self) -> Any:
        """Return the user's feature, made with the settings. Raises `OwnPartError` where it declares no shape."""
        given = {name: getattr(self, name) for name in OF_RECIPE} | {SAMPLES: self.samples}
        taken = inspect.signature(self.part.kind).parameters
        feature = self.part.made(**{name: getattr(self, name, given.get(name)) for name in taken})
        if fault := _fault(feature):
            raise OwnPartError(f"{self.reference}: expected {fault}")
        return feature

    @property
    def samples(self) -> int:
        """Return the number of samples that the feature is computed from."""
        return max(1, round(self.seconds * self.sample_rate_hz))

    def cut(self, samples: int) -> slice:
        """Return the part of a recording to use: its centre."""
        return central(samples, self.samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one tensor: the one that is declared, and one of two axes has one channel."""
        declared = tuple(map(int, self.feature.shape))
        return (*declared, 1) if len(declared) == MOST_AXES - 1 else declared

    @property
    def dimensions(self) -> tuple[str, ...]:
        axes = tuple(self.feature.axes)
        return (*axes, "channel") if len(axes) == MOST_AXES - 1 else axes

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        count = self.shape[-1] if len(self.shape) == MOST_AXES else 1
        return (self.part.kind.__name__,) if count == 1 else tuple(map(str, range(count)))

    @property
    def units(self) -> str:  # type: ignore[override]
        return str(self.feature.units)

    @property
    def spacing(self) -> dict[str, float]:
        """Return the step from frame to frame in seconds, where there are frames: `hop_length`, if the class has it."""
        if len(self.shape) < MOST_AXES:
            return {}
        if "hop_length" in inspect.signature(self.part.kind).parameters:
            return super().spacing
        return {"frame_seconds": self.seconds / self.shape[1]}

    def provenance(self, variant: str) -> dict[str, Any]:
        """Return all that decides the bytes of one variant's tensors: of the file its code, not where it lies."""
        decided = super().provenance(variant)
        del decided[REFERENCE]
        return {CLASS: self.part.kind.__name__, **decided}

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (self.part.code, {part.name: getattr(self, part.name) for part in fields(self)})


def own_recipe(section: dict[str, Any]) -> OwnRecipe:
    """Return the recipe of a section with the key `class`, checked against the signature of the class.

    Raises
    ------
    OwnPartError
        If the class cannot be used, or has changed since the version that the section states.
    OwnSettingsError
        If it does not take the settings.
    """
    given = renamed(section)
    try:
        part = own_part(str(given[REFERENCE]))
        kind = _recipe_class(part)
    except OwnPartError as error:
        raise OwnPartError(f"{CLASS}: {error}") from None
    part.refuse_other_version(given)
    try:
        recipe = kind(**given)
        _ = recipe.feature  # which says at once whether its class can be made
    except ValidationError as error:
        raise OwnSettingsError(error, TypeAdapter(kind).json_schema()) from None
    except OwnPartError as error:
        raise OwnPartError(f"{CLASS}: {error}") from None
    return recipe


def _received(code: PartCode, settings: dict[str, Any]) -> OwnRecipe:
    """Return a recipe that was sent to a worker."""
    return _recipe_class(part_of(settings[REFERENCE], code))(**settings)


@cache
def _recipe_class(part: OwnPart) -> type[OwnRecipe]:
    if not callable(getattr(part.kind, "compute", None)):
        raise OwnPartError(f"{part.reference}: expected the method compute, found none")
    parameters = inspect.signature(part.kind).parameters
    stated = {name: parameters[name].default for name in OF_RECIPE if name in parameters}
    defaults = {name: value for name, value in stated.items() if value is not inspect.Parameter.empty}
    return settings_dataclass(part, OwnRecipe, (*OF_RECIPE, SAMPLES), defaults)


def _fault(feature: Any) -> str:
    """Return what a feature should have declared, and what it has."""
    shape, axes = getattr(feature, "shape", None), getattr(feature, "axes", None)
    if not isinstance(shape, tuple) or not 1 <= len(shape) <= MOST_AXES or not all(map(_is_length, shape)):
        return f"the attribute shape to be that of a clip, as in (12, 431), got {shape!r}"
    if not isinstance(axes, tuple) or len(set(axes)) != len(shape) or not all(isinstance(name, str) for name in axes):
        return f'the attribute axes to name the {len(shape)} axes of the shape, as in ("row", "frame"), got {axes!r}'
    if not isinstance(getattr(feature, "units", None), str):
        return f'the attribute units to be a text, as in "dB against 1", got {getattr(feature, "units", None)!r}'
    return ""


def _is_length(length: Any) -> bool:
    return isinstance(length, int) and length > 0
