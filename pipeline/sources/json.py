"""Waveforms in JSON files: which records they hold, and what is in each."""

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
from pipeline.corpora import BY_FILE, JsonCorpus
from pipeline.engines import Engine
from pipeline.errors import InputError
from pipeline.probe import PROBE_VERSION, UNREADABLE, fault
from pipeline.progress import Meter
from pipeline.recordings import JsonArray, Recording
from pipeline.sources.base import LOOKED, SEEN, Recordings, status
from pipeline.sources.json_records import FORMS, LARGEST_RECORD, Record, records
from pipeline.sources.splitter import MalformedError
from stores.files import replacing

SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
RECORDS = pa.schema(
    [
        *LOOKED,
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
    corpus: JsonCorpus
    where: str
    file: str


class JsonSource:
    """`corpus: {source: json, …}` of one experiment; `where` names that section in error messages."""

    def __init__(self, corpus: JsonCorpus, where: str) -> None:
        self._corpus = corpus
        self._where = where

    def fingerprint(self) -> str:
        known = blake2b(digest_size=16)
        for name in self._files():
            size, mtime_ns = status(self._corpus.root / name)
            known.update(f"{name}\0{size}\0{mtime_ns}\n".encode())
        return known.hexdigest()

    def look(self, folder: Path, engine: Engine) -> pa.Table:
        now = {name: status(self._corpus.root / name) for name in self._files()}
        schema = RECORDS.with_metadata({"probe": str(PROBE_VERSION), "corpus": self._corpus.model_dump_json()})
        known = _known(folder / SEEN, now, schema)
        before = set(known["file"].unique().to_pylist())
        tasks = [_Task(self._corpus, self._where, name) for name in now if name not in before]
        tables = [known]
        with Meter("files looked at", len(tasks)) as meter:
            for found in engine.run(_look_at, tasks, len(tasks)):
                tables.append(found)
                meter.advance(1)
        records = pa.concat_tables(tables).sort_by("id")
        if not len(records):
            raise InputError(f"{self._where}.root: {self._corpus.root}: no file holds a single record; {FORMS}")
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / SEEN) as file:
            pq.write_table(records.cast(schema), file)
        return records.select(LOOKED.names).cast(LOOKED)

    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        records = pq.read_table(folder / SEEN, columns=["id", "file", "number", "start", "end", "sample_rate_hz"])
        places = pc.index_in(clips["id"], value_set=records["id"].combine_chunks())
        there = records.drop_columns(["id"]).take(places)

        def some(rows: range) -> list[Recording]:
            found = there.slice(rows.start, len(rows)).to_pylist()
            return [JsonArray(path=self._corpus.root / row.pop("file"), **row) for row in found]

        return some

    def _files(self) -> list[str]:
        root = self._corpus.root
        if not root.is_dir():
            raise InputError(
                f"{self._where}.root: expected a folder with JSON files, but {str(root)!r} "
                f"{'is a file' if root.exists() else 'does not exist'}; correct the path"
            )
        found = sorted(
            Path(folder, name).relative_to(root).as_posix()
            for folder, _, names in os.walk(root)
            for name in names
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")
        )
        if not found:
            raise InputError(
                f"{self._where}.root: {root}: expected files that end in {', '.join(sorted(SUFFIXES))}, found none"
            )
        return found


def _known(cache: Path, now: Mapping[str, tuple[int, int]], schema: pa.Schema) -> pa.Table:
    """The records of files that are as they were, unless another probe had looked, or for another configuration."""
    if not cache.is_file():
        return RECORDS.empty_table()
    known = pq.read_table(cache)
    if not known.schema.equals(schema, check_metadata=True):
        return RECORDS.empty_table()
    columns = (known[name].to_pylist() for name in ("file", "size", "mtime_ns"))
    same = [now.get(name) == (size, mtime_ns) for name, size, mtime_ns in zip(*columns, strict=True)]
    return known.filter(pa.array(same, pa.bool_())).cast(RECORDS)


def _look_at(task: _Task) -> pa.Table:
    """All records of a file. Raises `InputError` for a file whose records cannot be told apart."""
    corpus, path = task.corpus, task.corpus.root / task.file
    size, mtime_ns = status(path)
    rows: dict[str, list[Any]] = {name: [] for name in RECORDS.names}
    try:
        for number, record in enumerate(records(path, corpus)):
            found = _looked_at(path, number, record, corpus)
            if corpus.group == BY_FILE:
                found["group"] = task.file
            found |= {"id": f"{task.file}#{number}", "fold": None, "side": None, "file": task.file, "number": number}
            found |= {"start": record.waveform.start, "end": record.waveform.end, "size": size, "mtime_ns": mtime_ns}
            for name in RECORDS.names:
                rows[name].append(found[name])
    except MalformedError as error:
        raise InputError(f"{task.where}.root: {path}: {error}; {FORMS}") from None
    except OSError as error:
        raise InputError(f"{task.where}.root: {path}: {UNREADABLE}: {error.strerror}") from None
    return pa.table(rows, schema=RECORDS)


def _looked_at(path: Path, number: int, record: Record, corpus: JsonCorpus) -> dict[str, Any]:
    """What a record holds, as `LOOKED` has it."""
    label, rate_hz = corpus.labels.get(_text(record.label)), corpus.sample_rate_hz
    if record.sample_rate_hz is not None:
        rate_hz = record.sample_rate_hz
    reason, samples = record.reason, np.empty(0, np.float32)
    if not reason and label is None:
        known = ", ".join(corpus.labels)
        reason = f"label {_text(record.label)!r} is none of {known}; add it under corpus.labels"
    if not reason and not _is_rate(rate_hz):
        reason = f"fs {rate_hz!r} is no rate in whole Hz"
    if not reason and record.waveform.end - record.waveform.start > LARGEST_RECORD:
        reason = f"more than {LARGEST_RECORD >> 20} MB of text"
    if not reason:
        try:
            samples, _ = JsonArray(path, number, record.waveform.start, record.waveform.end, int(rate_hz)).decode()
        except ValueError as error:
            reason = str(error)
        else:
            reason = fault(len(samples), float(np.abs(samples).max(initial=0)), corpus.silent == "quarantine")
    return {
        "label": label or "",
        "group": None if record.group is None else _text(record.group),
        "content_hash": "" if reason else content_hash(samples, int(rate_hz)).hex(),
        "samples": len(samples),
        "sample_rate_hz": 0 if reason else int(rate_hz),
        "reason": reason,
    }


def _text(value: Any) -> str:
    """A label or group as text: `1`, `1.0` and `"1"` are the same."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < 2**31 and value % 1 == 0


def record_at(path: Path, number: int) -> JsonArray:
    """One record of a file, at the rate that the file states or else at the default one."""
    corpus, count = JsonCorpus(root=path.parent), 0
    try:
        for record in records(path, corpus):
            if count == number:
                rate_hz = record.sample_rate_hz if _is_rate(record.sample_rate_hz) else corpus.sample_rate_hz
                return JsonArray(path, number, record.waveform.start, record.waveform.end, int(rate_hz))
            count += 1
    except MalformedError as error:
        raise InputError(f"{path}: {error}; {FORMS}") from None
    raise InputError(f"{path}: no record {number}; it has {count}, counted from 0")
