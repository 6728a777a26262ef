"""Reader of waveforms in JSON files: the records of each file, and the samples of each record."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.audio import content_hash
from features.faults import Levels, fault_of
from pipeline.corpus.recordings import Recording
from pipeline.corpus.sources.base import (
    PROBE_VERSION,
    SCAN,
    SCAN_CACHE,
    UNREADABLE,
    PassedOver,
    Recordings,
    Source,
    refuse_other_names,
    status,
)
from pipeline.corpus.sources.json.members import Record
from pipeline.corpus.sources.json.recording import JsonArray, array_of, is_rate, shown
from pipeline.corpus.sources.json.records import FORMS, records
from pipeline.corpus.sources.json.settings import BY_FILE, JsonCorpus
from pipeline.corpus.sources.json.splitter import MalformedError
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from pipeline.support.progress import Meter
from stores.files import replacing

SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
ROWS_PER_TABLE = 4096  # rows that are Python's objects at a time
RECORDS = pa.schema(
    [
        *SCAN,
        ("file", pa.string()),
        ("number", pa.int64()),  # of the record in its file, from 0
        ("start", pa.int64()),  # where its waveform stands, in bytes
        ("end", pa.int64()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
    ]
)


@dataclass(frozen=True)
class _Task:
    """One file to be scanned."""

    corpus: JsonCorpus
    config_path: str
    file: str


class JsonSource(Source[JsonCorpus]):
    """Reader of `corpus: {source: json, …}`; `config_path` names that section of the configuration in messages."""

    @classmethod
    def recording_at(cls, path: Path) -> Recording | None:
        """Return a record of a JSON file, as `file.json#12`."""
        name, _, number = path.name.rpartition("#")
        if (
            Path(name).suffix.lower() not in SUFFIXES
            or not number.isdecimal()
            or path.is_file()
            or not path.with_name(name).is_file()
        ):
            return None
        return record_at(path.with_name(name), int(number))

    def fingerprint(self) -> str:
        """Return a hash of path, size and modification time of all files."""
        hasher = blake2b(digest_size=16)
        for name in self._files():
            size, mtime_ns = status(self._corpus.root / name)
            hasher.update(f"{name}\0{size}\0{mtime_ns}\n".encode())
        return hasher.hexdigest()

    def scan(self, folder: Path, engine: TaskRunner) -> pa.Table:
        """Return all records, columns `SCAN`; only files that are new or changed since the last scan are opened."""
        states = {name: status(self._corpus.root / name) for name in self._files()}
        schema = RECORDS.with_metadata({"probe": str(PROBE_VERSION), "corpus": self._corpus.model_dump_json()})
        cached = _cached_records(folder / SCAN_CACHE, states, schema)
        unchanged = set(cached["file"].unique().to_pylist())
        tasks = [_Task(self._corpus, self._config_path, name) for name in states if name not in unchanged]
        tables = [cached]
        with Meter("files scanned", len(tasks)) as meter:
            for table in engine.run(_scan_file, tasks, len(tasks)):
                tables.append(table)
                meter.advance(1)
        records = pa.concat_tables(tables).sort_by("id")
        if not len(records):
            raise InputError(f"{self._config_path}.root: {self._corpus.root}: no file holds a single record; {FORMS}")
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / SCAN_CACHE) as file:
            pq.write_table(records.cast(schema), file)
        return records.select(SCAN.names).cast(SCAN)

    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        """Return a function from a range of rows of `clips` to their arrays of numbers."""
        columns = ["id", "file", "number", "start", "end", "sample_rate_hz"]
        records = pq.read_table(folder / SCAN_CACHE, columns=columns)
        rows_of_clips = pc.index_in(clips["id"], value_set=records["id"].combine_chunks())
        places = records.drop_columns(["id"]).take(rows_of_clips)

        def some(rows: range) -> list[Recording]:
            places_here = places.slice(rows.start, len(rows)).to_pylist()
            return [JsonArray(path=self._corpus.root / place.pop("file"), **place) for place in places_here]

        return some

    def _files(self) -> list[str]:
        root = self._corpus.root
        if not root.is_dir():
            raise InputError(
                f"{self._config_path}.root: expected a folder with JSON files, but {str(root)!r} "
                f"{'is a file' if root.exists() else 'does not exist'}; correct the path"
            )
        paths, self.passed_over = [], PassedOver()
        for folder, _, names in os.walk(root):
            for name in names:
                if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith("."):
                    paths.append(Path(folder, name).relative_to(root).as_posix())
                elif not name.startswith("."):
                    self.passed_over.add(name)
        refuse_other_names(paths, f"{self._config_path}.root")
        if not paths:
            raise InputError(
                f"{self._config_path}.root: {root}: expected files that end in {', '.join(sorted(SUFFIXES))}, "
                "found none"
            )
        return sorted(paths)


def _cached_records(cache: Path, states: Mapping[str, tuple[int, int]], schema: pa.Schema) -> pa.Table:
    """Return the records of files that have not changed since the last scan, if it was for the same settings."""
    if not cache.is_file():
        return RECORDS.empty_table()
    records = pq.read_table(cache)
    if not records.schema.equals(schema, check_metadata=True):
        return RECORDS.empty_table()
    columns = (records[name].to_pylist() for name in ("file", "size", "mtime_ns"))
    unchanged = [states.get(name) == (size, mtime_ns) for name, size, mtime_ns in zip(*columns, strict=True)]
    return records.filter(pa.array(unchanged, pa.bool_())).cast(RECORDS)


def _scan_file(task: _Task) -> pa.Table:
    """Return all records of a file. Raises `InputError` for a file whose records cannot be told apart."""
    corpus, path = task.corpus, task.corpus.root / task.file
    size, mtime_ns = status(path)
    tables, rows = [], []
    try:
        for number, record in enumerate(records(path, corpus)):
            row = _scan_record(path, number, record, corpus)
            if corpus.group == BY_FILE:
                row["group"] = task.file
            row |= {"id": f"{task.file}#{number}", "fold": None, "side": None, "file": task.file, "number": number}
            row |= {"start": record.waveform.start, "end": record.waveform.end, "size": size, "mtime_ns": mtime_ns}
            rows.append(row)
            if len(rows) == ROWS_PER_TABLE:
                tables.append(pa.Table.from_pylist(rows, RECORDS))
                rows.clear()
    except MalformedError as error:
        raise InputError(f"{task.config_path}.root: {path}: {error}; {FORMS}") from None
    except OSError as error:
        raise InputError(f"{task.config_path}.root: {path}: {UNREADABLE}: {error.strerror}") from None
    return pa.concat_tables([*tables, pa.Table.from_pylist(rows, RECORDS)])


def _scan_record(path: Path, number: int, record: Record, corpus: JsonCorpus) -> dict[str, Any]:
    """Return those columns of `SCAN` that are read from the record itself."""
    rate_hz = corpus.sample_rate_hz if record.sample_rate_hz is None else record.sample_rate_hz
    reason, samples, label, group = record.reason, np.empty(0, np.float32), None, None
    if not reason:
        try:
            label, group = _label(record.label, corpus.labels), _text(record.group)
            samples = array_of(path, number, record, corpus.sample_rate_hz).decode()[0]
            reason = fault_of(Levels.of(samples), corpus.silent == "quarantine")
        except ValueError as error:
            reason = str(error)
    return {
        "label": "" if reason else label,
        "group": group,
        "content_hash": "" if reason else content_hash(samples, int(rate_hz)).hex(),
        "samples": len(samples),
        "sample_rate_hz": 0 if reason else int(rate_hz),
        "reason": reason,
    }


def _label(value: Any, labels: Mapping[str, str]) -> str | None:
    """Return the class that a label means, None without a label. Raises `ValueError` for an unknown one."""
    if (text := _text(value)) is None:
        return None
    if text not in labels:
        raise ValueError(f"label {shown(text)} is none of {', '.join(labels)}; add it under corpus.labels")
    return labels[text]


def _text(value: Any) -> str | None:
    """Return a label or group as text without blanks around it, None if there is none: `1`, `1.0`, `"1 "` are equal.

    Raises `ValueError` for half of a character.
    """
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{shown(text)} is no text: it holds half of a surrogate pair") from None
    return text or None


def record_at(path: Path, number: int) -> JsonArray:
    """Return one record of a file, at the rate that the file states or else at the default one."""
    corpus, count = JsonCorpus(root=path.parent), 0
    try:
        for record in records(path, corpus):
            if count == number:
                rate_hz = record.sample_rate_hz if is_rate(record.sample_rate_hz) else corpus.sample_rate_hz
                return JsonArray(path, number, record.waveform.start, record.waveform.end, int(rate_hz))
            count += 1
    except MalformedError as error:
        raise InputError(f"{path}: {error}; {FORMS}") from None
    raise InputError(f"{path}: no record {number}; it has {count}, counted from 0")
