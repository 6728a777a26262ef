"""Reader of corpora of users' own: their class lists audio files."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.own import line_of
from pipeline.corpus.recordings import segment_name
from pipeline.corpus.sources.base import FILES_LISTED
from pipeline.corpus.sources.distinct import DECIMALS
from pipeline.corpus.sources.files import FilesSource, status_hash
from pipeline.corpus.sources.own import OwnCorpus
from pipeline.support.errors import InputError
from training.label_text import label_text

SIDES = ("train", "validation", "test")
SECONDS = ("start_s", "end_s")  # of a segment
KEYS = {"path": str, "label": str, "group": str, "fold": int, "side": str, **dict.fromkeys(SECONDS, float)}


class OwnSource(FilesSource[OwnCorpus]):
    """Reader of `corpus: {class: …}`; `config_path` names that section of the configuration in messages."""

    def fingerprint(self) -> str:
        """Return a hash of what the class lists, and of size and modification time of the files."""
        table = self.files_listed()
        rows = "".join(f"{row}\n" for row in table.to_pylist())
        return status_hash(self.root(), table["path"].unique().to_pylist(), rows.encode())

    def root(self) -> Path:
        """Return the folder of the recordings. Raises `InputError` if there is none."""
        folder = self._corpus.folder()
        if not folder.is_dir():
            raise InputError(f"{self._config_path}: {self._corpus.reference}: root: no such folder: {folder}")
        return folder

    def files_listed(self) -> pa.Table:
        """Return the columns `FILES_LISTED`.

        Raises `InputError` if what the class yields is no recording, or names a file or segment twice.
        """
        columns: dict[str, list[Any]] = {name: [] for name in FILES_LISTED.names}
        seen: set[str] = set()
        for number, recording in enumerate(self.yielded()):
            if fault := recording_fault(recording):
                raise self._error(f"recording {number}: {fault}")
            name = named_once(recording)
            if name in seen:
                raise self._error(f"recording {number}: names {name} again; expected each file or segment once")
            seen.add(name)
            for key, column in columns.items():
                column.append(_value(recording, key))
        if not seen:
            raise self._error("expected at least one recording, got none")
        table = pa.table(columns, schema=FILES_LISTED)
        for key in ("fold", "side"):
            if 0 < table[key].null_count < len(table):
                raise self._error(f"expected a {key} for all recordings or for none, got some without")
        if (table["fold"].null_count == 0) != self._corpus.has_folds:
            raise self._error("expected has_folds = True in the class, and a fold for each recording, or neither")
        return table

    def yielded(self) -> Iterator[Any]:
        """Yield whatever the class yields. Raises `InputError` where it raises anything."""
        try:
            yield from self._corpus.made().recordings()
        except Exception as error:  # a user's code may raise anything
            raise self._error(line_of(error)) from error

    def _error(self, reason: str) -> InputError:
        return InputError(f"{self._config_path}: {self._corpus.reference}: recordings: {reason}")


def named_once(recording: Mapping[str, Any]) -> str:
    """Return the name of the file or segment that a class has yielded."""
    return segment_name(*(_value(recording, key) for key in ("path", *SECONDS)))


def _value(recording: Mapping[str, Any], key: str) -> Any:
    """Return a value as it is listed: a normal path, and seconds as floats, from 0 on where the start is missing."""
    value: Any = recording.get(key)
    if key == "path":
        return os.path.normpath(value)
    if key == "label":
        return label_of(recording)
    if key in SECONDS and value is not None:
        return round(float(value), DECIMALS) + 0.0  # no -0
    return 0.0 if key == "start_s" else value


def label_of(recording: Mapping[str, Any]) -> str | None:
    """Return the label of a recording, several in a list as text. Raises `ValueError` for a faulty list."""
    label = recording.get("label")
    if not isinstance(label, list):
        return label
    if faulty := [name for name in label if not isinstance(name, str)]:
        raise ValueError(f"expected str, got {faulty[0]!r}")
    return label_text(label) if label else None


def recording_fault(recording: Any) -> str:
    """Return what is wrong with one that a class has yielded; empty if nothing is."""
    if not isinstance(recording, Mapping) or "path" not in recording:
        return f"expected a dict with the key path, got {recording!r}"
    if unknown := [key for key in recording if key not in KEYS]:
        return f"unknown key {unknown[0]!r}; known are {', '.join(KEYS)}"
    try:
        label = label_of(recording)
    except ValueError as error:
        return f"label: {error}"
    for key, value in {**recording, "label": label}.items():
        if key in SECONDS and type(value) is int:
            continue
        if value is not None and type(value) is not KEYS[key]:
            return f"{key}: expected {KEYS[key].__name__}, got {value!r}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"{key}: expected seconds, got {value!r}"
    path = recording["path"]
    if not path or os.path.isabs(path) or "\0" in path or os.path.normpath(path).startswith(".."):
        return f"path: expected one below root, relative to it, got {path!r}"
    if recording.get("side") not in (None, *SIDES):
        return f"side: expected one of {', '.join(SIDES)}, got {recording['side']!r}"
    return ""
