"""Dataclasses of settings that are made from the signatures of users' classes."""

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast

import pydantic.dataclasses

from features.own import CLASS, PART, VERSION, OwnPart, settings_of
from features.strict import STRICT

REFERENCE = "reference"  # the field of what a user writes as `class`, which is no name in Python


class OwnFields:
    """Base class of those that `settings_dataclass` makes."""

    part: ClassVar[OwnPart]

    if TYPE_CHECKING:  # fields of each of them

        @property
        def reference(self) -> str:
            """Return the file and the class."""

        @property
        def version(self) -> str:
            """Return the hash of the code, or what the class states in its place."""


Base = TypeVar("Base", bound=OwnFields)


def renamed(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section with the names of the fields in place of those that a user writes."""
    fields = dict(section)
    if CLASS in fields:
        fields[REFERENCE] = fields.pop(CLASS)
    return fields


def settings_dataclass(
    part: OwnPart, base: type[Base], given: Collection[str] = (), defaults: Mapping[str, Any] | None = None
) -> type[Base]:
    """Return a frozen dataclass with a field for each setting of a part, and `reference` and `version`.

    Parameters
    ----------
    part : OwnPart
    base : type
        Class that it is a subclass of; no setting can have the name of anything in it.
    given : collection of str
        Names of parameters that are no settings: otogura gives them.
    defaults : mapping, optional
        Other defaults for fields of the base.

    Raises
    ------
    OwnPartError
        As `features.own.settings_of` does.
    """
    settings = settings_of(part, given, {CLASS, PART, REFERENCE, VERSION, *dir(base)})
    defaults = defaults or {}
    inherited = {name: base.__dataclass_fields__[name].type for name in defaults}  # type: ignore[attr-defined]  # of a base that has fields
    stated = {**defaults, **{name: value for name, (_, value) in settings.items() if value is not ...}}
    namespace = {
        "__annotations__": {
            REFERENCE: Literal[part.reference],
            **inherited,
            **{name: kind for name, (kind, _) in settings.items()},
            VERSION: Literal[part.version],
        },
        "__module__": __name__,
        PART: part,
        REFERENCE: part.reference,
        **{name: field(default=value) for name, value in stated.items()},
        VERSION: part.version,
    }
    made = type(part.kind.__name__, (base,), namespace)
    return cast(type[Base], pydantic.dataclasses.dataclass(frozen=True, config=STRICT, kw_only=True)(made))
