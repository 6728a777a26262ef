"""Tables that name audio files or segments, with labels, groups, folds or sides: CSV files with a header line."""

import math
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.base import FILES_LISTED
from pipeline.support.errors import InputError

SIDE_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "eval": "test",
}
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
LONGEST_HEADER = 1 << 20  # bytes


class RecordingTable:
    """Reader of the table at `path` by the column names of a corpus; `config_path` names its settings in messages."""

    def __init__(self, path: Path, corpus: AudioCorpus, config_path: str) -> None:
        self._path = path
        self._corpus = corpus
        self._config_path = config_path

    def listing(self) -> pa.Table:
        """Return the columns `FILES_LISTED` of the rows that the corpus has. Raises `InputError` for other tables."""
        corpus, path = self._corpus, self._path
        table = self._read()
        chosen = self._chosen(table)
        columns = {}
        for field in FILES_LISTED.names:
            column = getattr(corpus, field)
            if column is not None and table.column_names.count(column) != 1:
                columns_found = "two columns" if column in table.column_names else "no column"
                unlabelled = "; label: null says that there are no labels" if field == "label" else ""
                raise InputError(
                    f"{self._config_path}.{field}: {path} has {columns_found} {column!r}; it has "
                    f"{', '.join(table.column_names)}{unlabelled}"
                )
            columns[field] = pa.nulls(len(table), pa.string()) if column is None else table[column]
        for line, value in enumerate(columns["path"].to_pylist(), start=2):
            if not value.strip():
                raise InputError(
                    f"{self._config_path}.path: {path}, line {line}: column {corpus.path!r} is empty; fill it or "
                    "remove the row"
                )
        ids = pa.array([os.path.normpath(name) for name in columns["path"].to_pylist()], pa.string())
        for name in ids.unique().to_pylist():
            if os.path.isabs(name) or "\0" in name:
                raise InputError(
                    f"{self._config_path}.path: {path} names {name!r}; expected paths relative to the root"
                )
        label, group = _stripped(columns["label"]), _stripped(columns["group"])
        fold = pa.nulls(len(table), pa.int64()) if corpus.fold is None else self._folds(columns["fold"])
        side = columns["side"] if corpus.side is None else self._sides(columns["side"])
        starts_s, ends_s = (self._seconds(columns[name], name) for name in ("start_s", "end_s"))
        return pa.table([ids, starts_s, ends_s, label, group, fold, side], schema=FILES_LISTED).filter(chosen)

    def _chosen(self, table: pa.Table) -> pa.Array:
        """Return a mask of the rows whose columns hold the values that the corpus asks for."""
        chosen = pa.array(np.ones(len(table), bool))
        for column, value in self._corpus.only.items():
            if table.column_names.count(column) != 1:
                raise InputError(
                    f"{self._config_path}.only: {self._path} has no column {column!r} of that name alone; it has "
                    f"{', '.join(table.column_names)}"
                )
            chosen = pc.and_(chosen, pc.equal(table[column], value))
            if not pc.any(chosen).as_py():
                raise InputError(f"{self._config_path}.only: {self._path} has no row left whose {column} is {value!r}")
        return chosen

    def _read(self) -> pa.Table:
        """Read all columns as text, between commas or, where the header shows them, semicolons or tabs."""
        options = csv.ConvertOptions(strings_can_be_null=False)
        path, parsing = self._path, csv.ParseOptions(delimiter=self._separator())
        try:
            names = csv.open_csv(path, parse_options=parsing).schema.names
            options.column_types = dict.fromkeys(names, pa.string())
            return csv.read_csv(path, parse_options=parsing, convert_options=options)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            why, between = " ".join(str(error).split()), SEPARATORS[parsing.delimiter]
            raise InputError(
                f"{self._config_path}.table: {path}: expected a CSV table in UTF-8 with {between} and a header line: "
                f"{why}"
            ) from None

    def _separator(self) -> str:
        """Return the separator that the header has beside the name of the column with the file, or else has most of."""
        with open(self._path, "rb") as file:
            header = file.readline(LONGEST_HEADER).decode("utf-8-sig", errors="replace")
        for separator in SEPARATORS:
            if self._corpus.path in [name.strip().strip('"') for name in header.split(separator)]:
                return separator
        return max(SEPARATORS, key=header.count)

    def _folds(self, column: pa.ChunkedArray) -> pa.Array:
        numbers = []
        for line, value in enumerate(column.to_pylist(), start=2):
            text = value.strip()
            if not (text.isascii() and text.isdigit() and len(text) < 10):
                raise InputError(
                    f"{self._config_path}.fold: {self._path}, line {line}: {self._corpus.fold} should be a number, "
                    f"got {value!r}"
                )
            numbers.append(int(text))
        return pa.array(numbers, pa.int64())

    def _seconds(self, column: pa.ChunkedArray, field: str) -> pa.ChunkedArray:
        """Return times in seconds; null where the cell is empty."""
        texts = _stripped(column)
        try:
            seconds = texts.cast(pa.float64())
        except pa.ArrowInvalid:
            seconds = pa.chunked_array([pa.array([_number(text) for text in texts.to_pylist()], pa.float64())])
        wrong = pc.indices_nonzero(pc.fill_null(pc.invert(pc.is_finite(seconds)), False))
        if len(wrong):
            place, name = wrong[0].as_py(), getattr(self._corpus, field)
            raise InputError(
                f"{self._config_path}.{field}: {self._path}, line {place + 2}: {name} should be seconds such as 12.5, "
                f"got {column[place].as_py()!r}"
            )
        return seconds

    def _sides(self, column: pa.ChunkedArray) -> pa.Array:
        """Return the sides that a column gives, by `SIDE_NAMES`."""
        names = [SIDE_NAMES.get(value.strip().lower()) for value in column.to_pylist()]
        if None in names:
            place = names.index(None)
            raise InputError(
                f"{self._config_path}.side: {self._path}, line {place + 2}: {self._corpus.side} should be one of "
                f"{', '.join(SIDE_NAMES)}, got {column[place].as_py()!r}"
            )
        return pa.array(names, pa.string())


def _stripped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts without blanks around them; null for those that hold nothing else."""
    stripped = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(stripped, ""), None, stripped)


def _number(text: str | None) -> float | None:
    """Return a number, NaN for any other text."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return math.nan
