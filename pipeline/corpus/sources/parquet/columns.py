"""Columns of a Parquet file that a corpus reads, checked against its schema."""

from dataclasses import dataclass

import pyarrow as pa
from pyarrow import types

from pipeline.corpus.sources.audio.table import SIDE_NAMES
from pipeline.corpus.sources.parquet.labels import ValueNames, texts, value_names
from pipeline.corpus.sources.parquet.settings import ParquetCorpus

NAMED = ("label", "group", "fold", "side")  # settings that name a column
COLUMNS_SHOWN = 20


class ColumnError(ValueError):
    """A column that is not as configured; `setting` names it, and the text says what is wrong, without the file."""

    def __init__(self, setting: str, fault: str) -> None:
        super().__init__(fault)
        self.setting = setting


@dataclass(frozen=True)
class Columns:
    """Columns of one file by the settings that name them; those of sound are checked and not kept."""

    corpus: ParquetCorpus
    values: dict[str, ValueNames]

    @classmethod
    def of(cls, schema: pa.Schema, corpus: ParquetCorpus) -> "Columns":
        """Return the columns of a file. Raises `ColumnError` for one that is missing or of another type."""
        _expect(schema, "audio", corpus.audio, "")
        if not is_sound(kind := schema.field(corpus.audio).type):
            raise ColumnError(
                "audio", f"column {corpus.audio!r} is {kind}; expected audio files as binary or as struct<bytes, path>"
            )
        values = {}
        for setting in NAMED:
            if (column := getattr(corpus, setting)) is None:
                continue
            _expect(schema, setting, column, "; label: null says that there are no labels" * (setting == "label"))
            of_column = value_names(schema, column)
            if of_column is None or (of_column.lists and setting != "label"):
                lists = ", or lists of these" if setting == "label" else ""
                kind = schema.field(column).type
                raise ColumnError(setting, f"column {column!r} is {kind}; expected text or whole numbers{lists}")
            values[setting] = of_column
        return cls(corpus, values)

    @property
    def names(self) -> list[str]:
        """Return the names of the columns but for the sound."""
        return list(dict.fromkeys(getattr(self.corpus, setting) for setting in self.values))

    @property
    def label_digest(self) -> str:
        """Return a text that is equal for files whose labels mean the same; empty for those that have none."""
        return self.values["label"].digest if "label" in self.values else ""

    def read(self, rows: pa.Table) -> tuple[dict[str, list[str | None]], list[str]]:
        """Return label, group, fold and side of some rows, and the reason why a row cannot be used, or an empty one.

        Raises `ColumnError` for a fold that is no number, or a side that is none; it names the row among these.
        """
        read: dict[str, list[str | None]] = {setting: [None] * len(rows) for setting in NAMED}
        reasons = [""] * len(rows)
        for setting, of_column in self.values.items():
            column = getattr(self.corpus, setting)
            read[setting], faults = texts(rows[column].to_pylist(), of_column)
            reasons = [reason or fault for reason, fault in zip(reasons, faults, strict=True)]
            if setting in ("fold", "side"):
                is_one = _is_fold if setting == "fold" else _is_side
                wanted = "a number" if setting == "fold" else f"one of {', '.join(SIDE_NAMES)}"
                for row, value in enumerate(read[setting]):
                    if not is_one(value):
                        raise ColumnError(setting, f"row {row}: {column} should be {wanted}, got {value!r}")
        read["side"] = [None if side is None else SIDE_NAMES[side.lower()] for side in read["side"]]
        return read, reasons


def _expect(schema: pa.Schema, setting: str, column: str, hint: str) -> None:
    """Raise `ColumnError` unless a file has one column of this name."""
    if (count := len(schema.get_all_field_indices(column))) != 1:
        shown = ", ".join(schema.names[:COLUMNS_SHOWN]) + ", …" * (len(schema.names) > COLUMNS_SHOWN)
        raise ColumnError(setting, f"has {'two columns' if count else 'no column'} {column!r}; it has {shown}{hint}")


def is_sound(kind: pa.DataType) -> bool:
    """Return True for a type that may hold audio files."""
    if types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_binary(kind.field("bytes").type)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _is_fold(value: str | None) -> bool:
    return value is not None and value.isascii() and value.isdigit() and len(value) < 10


def _is_side(value: str | None) -> bool:
    return value is not None and value.lower() in SIDE_NAMES
