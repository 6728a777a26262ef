"""Labels in Parquet files: text, numbers with names in the schema, and lists of either."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import pyarrow as pa
from pyarrow import types

from features.faults import FaultyError

NO_LABEL = -1  # in the place of the number of a class, as the hub has it
SEPARATOR = ";"  # between several labels of a clip
HUB_METADATA = b"huggingface"


@dataclass(frozen=True)
class ValueNames:
    """Type of a column of labels, groups or sides.

    Attributes
    ----------
    kind : str
        `text`, `numbers`, `truth values`, or `nothing` for a column of nulls alone.
    names : sequence of str, optional
        Names of the numbers, from 0 on.
    lists : bool
        Whether a row has a list of them.
    """

    kind: str
    names: tuple[str, ...] | None
    lists: bool

    @property
    def digest(self) -> str:
        """Return a short text that is equal for columns whose values mean the same; empty for nulls alone."""
        if self.kind == "nothing":
            return ""
        return blake2b(f"{self.kind}\0{self.names}\0{self.lists}".encode(), digest_size=8).hexdigest()

    def __str__(self) -> str:
        if not self.names:
            return f"lists of {self.kind}" if self.lists else self.kind
        shown = f"{self.names[0]!r} to {self.names[-1]!r}"
        return f"{'lists of ' * self.lists}numbers of {len(self.names)} classes, {shown}"

    def text(self, value: Any) -> str | None:
        """Return a value of a row as text, those of a list sorted and between semicolons; None if there is none.

        Raises `FaultyError` for a number that has no name, or a blank in a list.
        """
        if value is None or not self.lists:
            return self._name(value)
        names = [self._name(item) for item in value]
        if None in names:
            raise FaultyError("its list of labels has an empty one")
        if mixed := [name for name in names if name and SEPARATOR in name]:
            raise FaultyError(f"its list of labels has {mixed[0]!r}; expected none with a {SEPARATOR!r}")
        return SEPARATOR.join(sorted({name for name in names if name})) or None

    def _name(self, value: Any) -> str | None:
        if value is None:
            return None
        if self.names is not None:
            if value == NO_LABEL:
                return None
            if not 0 <= value < len(self.names):
                raise FaultyError(f"label {value} has no name; the schema names 0 to {len(self.names) - 1}")
            value = self.names[value]
        return str(value).strip() or None


def value_names(schema: pa.Schema, column: str) -> ValueNames | None:
    """Return how the values of a column are read; None if they are neither text nor numbers nor lists of these."""
    kind, lists = schema.field(column).type, False
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kind, lists = kind.value_type, True
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_integer(kind):
        return ValueNames("numbers", class_names(schema, column), lists)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return ValueNames("text", None, lists)
    if types.is_boolean(kind):
        return ValueNames("truth values", None, lists)
    return ValueNames("nothing", None, lists) if types.is_null(kind) else None


def class_names(schema: pa.Schema, column: str) -> tuple[str, ...] | None:
    """Return the names of the numbers in a column, which the hub writes to the schema's metadata; None without any."""
    try:
        feature = json.loads((schema.metadata or {})[HUB_METADATA])["info"]["features"][column]
        while True:  # through lists to what they hold
            if isinstance(feature, list):
                (feature,) = feature
            elif "feature" in feature:
                feature = feature["feature"]
            else:
                break
        names = feature["names"] if feature["_type"] == "ClassLabel" else None
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(map(str, names)) if names else None


def texts(values: Iterable[Any], of_column: ValueNames) -> tuple[list[str | None], list[str]]:
    """Return the texts of some rows, and the reason why a row has none that can be used, or an empty one."""
    found: list[str | None] = []
    reasons: list[str] = []
    for value in values:
        try:
            text, reason = of_column.text(value), ""
        except FaultyError as error:
            text, reason = None, str(error)
        found.append(text)
        reasons.append(reason)
    return found, reasons
