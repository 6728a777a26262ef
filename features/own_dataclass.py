"""Dataclasses of settings that are made from the signatures of users' classes."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, TypeVar, cast

import pydantic.dataclasses

from features.own import CLASS, PART, VERSION, OwnPart
from features.strict import STRICT

REFERENCE = "reference"  # the field of what a user writes as `class`, which is no name in Python

Base = TypeVar("Base")


def renamed(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section with the names of the fields in place of those that a user writes."""
    fields = dict(section)
    if CLASS in fields:
        fields[REFERENCE] = fields.pop(CLASS)
    return fields


def settings_dataclass(
    part: OwnPart, base: type[Base], settings: Mapping[str, tuple[Any, Any]], defaults: Mapping[str, Any]
) -> type[Base]:
    """Return a frozen dataclass with the fields `reference` and `version` and a field for each setting.

    Its attribute `part` is the part.

    Parameters
    ----------
    part : OwnPart
    base : type
        Class that it is a subclass of.
    settings : mapping
        Type and default of each setting, as `features.own.settings_of` returns them.
    defaults : mapping
        Other defaults for fields of the base.
    """
    own = {name: field(default=value) for name, (_, value) in settings.items() if value is not ...}
    inherited = {name: base.__dataclass_fields__[name].type for name in defaults}  # type: ignore[attr-defined]  # of a base that has fields
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
        **{name: field(default=value) for name, value in defaults.items()},
        **own,
        VERSION: part.version,
    }
    made = type(part.kind.__name__, (base,), namespace)
    return cast(type[Base], pydantic.dataclasses.dataclass(frozen=True, config=STRICT, kw_only=True)(made))
