"""Augmentations of users' own: a class in a file, whose parameters are the settings."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache, cached_property
from keyword import iskeyword
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

import numpy as np
import pydantic.dataclasses
from pydantic import BeforeValidator, SerializeAsAny, TypeAdapter, ValidationError

from features.augmentations import AUGMENTATIONS, Augmentation, Variants
from features.own import CLASS, OwnPart, OwnPartError, OwnSettingsError, own_part, part_of, settings_of
from features.own_code import PartCode
from features.own_dataclass import REFERENCE, OwnFields, renamed, settings_dataclass
from features.strict import STRICT

if TYPE_CHECKING:
    from features.sound import Clip

ORIGINAL = "original"
CHANGES_LENGTH = "changes_length"  # of a class, if its waveforms may be longer or shorter than the clip


class OwnAugmentation(OwnFields):
    """Base class of the settings of augmentations of users' own; each has a dataclass made for it, from its signature.

    It checks what the user's class returns, so that a mistake ends a build with one line at its first clip. Workers get
    it with the code of its part, so that they compute what its version promises, wherever they run.
    """

    @cached_property
    def augmentation(self) -> Any:
        """Return the user's augmentation, made with the settings."""
        return self.part.made(**self.settings())

    def settings(self) -> dict[str, Any]:
        """Return the settings of the user's class."""
        return {name: getattr(self, name) for name in settings_of(self.part)}

    def decisive(self) -> dict[str, Any]:
        """Return what decides the waveforms besides the code: not where its file lies."""
        return {CLASS: self.part.kind.__name__, **self.settings()}

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """Return what the user's `draw` returns. Raises `OwnPartError` where it is no numbers by their names."""
        drawn = self.augmentation.draw(rng)
        if not isinstance(drawn, dict) or not all(map(_is_drawn, drawn.items())):
            raise OwnPartError(f"{self.reference}: draw: expected finite numbers by their names, got {drawn!r}")
        return {name: float(value) for name, value in drawn.items()}

    def apply(self, clip: "Clip", parameters: dict[str, float], rng: np.random.Generator) -> np.ndarray:
        """Return what the user's `apply` returns.

        Raises `OwnPartError` where it is no finite float32 waveform of the clip's length, or writes to the clip.
        """
        writeable = clip.samples.flags.writeable
        clip.samples.flags.writeable = False
        try:
            waveform = self.augmentation.apply(clip, parameters, rng)
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise OwnPartError(f"{self.reference}: apply: expected to leave clip.samples alone; copy them") from error
        finally:
            if writeable:
                clip.samples.flags.writeable = True
        if fault := self._fault(waveform, len(clip.samples)):
            raise OwnPartError(f"{self.reference}: apply: expected {fault} (drawn: {parameters})")
        array: np.ndarray = waveform
        return array

    def _fault(self, waveform: Any, samples: int) -> str:
        if not isinstance(waveform, np.ndarray) or waveform.dtype != np.float32 or waveform.ndim != 1:
            array = isinstance(waveform, np.ndarray)
            got = f"{waveform.dtype} {waveform.shape}" if array else type(waveform).__name__
            return f"a waveform (samples,) float32, got {got}"
        if len(waveform) != samples and not (len(waveform) and getattr(self.part.kind, CHANGES_LENGTH, False)):
            return f"{samples} samples, got {len(waveform)}; say {CHANGES_LENGTH} = True in the class if that is meant"
        if not np.isfinite(waveform.min()) or not np.isfinite(waveform.max()):
            return "finite samples, got NaN or infinite ones"
        return ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (self.reference, self.part.code, self.settings())


def with_own(value: Any) -> Any:
    """Return a `variants:` that has augmentations of users' own as settings; any other as it is.

    Raises
    ------
    OwnPartError
        If a class cannot be used, or has changed since the version that its section states.
    OwnSettingsError
        If one does not take its settings.
    """
    if not isinstance(value, Mapping):
        return value
    own = {name: section for name, section in value.items() if _is_own(name, section)}
    if not own:
        return value
    kinds = tuple((name, _kind_of(name, section)) for name, section in own.items())
    variants = _variants_class(kinds)
    settings = dict(value) | {name: renamed(section) for name, section in own.items()}
    try:
        return variants(**settings)
    except ValidationError as error:
        raise OwnSettingsError(error, TypeAdapter(variants).json_schema()) from None


# The type of `variants:`.
AnyVariants: TypeAlias = Annotated[SerializeAsAny[Variants], BeforeValidator(with_own)]


def decisive_settings(augmentation: Augmentation) -> dict[str, Any]:
    """Return what decides the waveforms of an augmentation besides its version."""
    if isinstance(augmentation, OwnAugmentation):
        return augmentation.decisive()
    return {part.name: getattr(augmentation, part.name) for part in fields(augmentation)}  # type: ignore[arg-type]


def _is_own(name: Any, section: Any) -> bool:
    return name not in AUGMENTATIONS and isinstance(section, Mapping) and (CLASS in section or REFERENCE in section)


def _kind_of(name: Any, section: Mapping[str, Any]) -> type[OwnAugmentation]:
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name) or name == ORIGINAL:
        raise OwnPartError(f"{name}: cannot be the name of a variant; letters, digits and _ make one")
    given = renamed(section)
    try:
        part = own_part(str(given[REFERENCE]))
        kind = _settings_class(part)
    except OwnPartError as error:
        raise OwnPartError(f"{name}.{CLASS}: {error}") from None
    try:
        part.refuse_other_version(given)
    except OwnPartError as error:
        raise OwnPartError(f"{name}.{error}") from None
    return kind


@cache
def _settings_class(part: OwnPart) -> type[OwnAugmentation]:
    reference = part.reference
    if lacking := [name for name in ("draw", "apply") if not callable(getattr(part.kind, name, None))]:
        raise OwnPartError(f"{reference}: expected the methods draw and apply, found no {' and no '.join(lacking)}")
    return settings_dataclass(part, OwnAugmentation)


@cache
def _variants_class(kinds: tuple[tuple[str, type[OwnAugmentation]], ...]) -> type[Variants]:
    namespace = {
        "__annotations__": {name: kind | None for name, kind in kinds},
        "__module__": __name__,
        "__reduce__": lambda self: (_variants, ({part.name: getattr(self, part.name) for part in fields(self)},)),
        **{name: None for name, _ in kinds},
    }
    made = type("Variants", (Variants,), namespace)
    return cast(type[Variants], pydantic.dataclasses.dataclass(frozen=True, config=STRICT)(made))


def _variants(augmentations: dict[str, Any]) -> Variants:
    """Return the variants that were sent to a worker, by their names."""
    own = {name: type(value) for name, value in augmentations.items() if isinstance(value, OwnAugmentation)}
    return _variants_class(tuple(own.items()))(**augmentations)


def _received(reference: str, code: PartCode, settings: dict[str, Any]) -> OwnAugmentation:
    """Return the settings of an augmentation that were sent to a worker."""
    return _settings_class(part_of(reference, code))(**settings)


def _is_drawn(item: tuple[Any, Any]) -> bool:
    name, value = item
    return isinstance(name, str) and isinstance(value, int | float | np.number) and bool(np.isfinite(value))
