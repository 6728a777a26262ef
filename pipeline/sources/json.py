"""Waveforms in JSON files, in any of three forms, read in bounded memory however large a file is."""

import json
import mmap
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.audio import content_hash
from pipeline.config import BY_FILE, JsonCorpus
from pipeline.engines import Engine
from pipeline.errors import InputError
from pipeline.probe import PROBE_VERSION, UNREADABLE, fault
from pipeline.progress import Meter
from pipeline.recordings import JsonArray, Recording
from pipeline.sources.base import LOOKED, SEEN, Recordings, status
from pipeline.sources.splitter import MalformedError, Span, Splitter, TruncatedError
from stores.files import replacing

SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
FORMS = (
    'accepted are {"waveforms": [[…], …], "labels": […], "fs": 44100}, [{"Waveform": […], "Labels": 0}, …], '
    "and one such record on each line"
)
LARGEST_RECORD = 64 << 20  # bytes of text; minutes of sound
RELEASED = 64 << 20  # bytes of a mapped file that may stay in memory

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
class Record:
    """One record as it stands in a file. `reason` says why it cannot be used, if that is clear already."""

    waveform: Span
    label: Any = None
    group: Any = None
    sample_rate_hz: Any = None
    reason: str = ""


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
    if known.schema.metadata != schema.metadata:
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
            found |= {"id": f"{task.file}#{number}", "fold": None, "file": task.file, "number": number}
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


def records(path: Path, corpus: JsonCorpus) -> Iterator[Record]:
    """The records of a file in their order. Raises `MalformedError` where they cannot be told apart."""
    with open(path, "rb") as file:
        if not file.read(1):
            raise MalformedError("the file is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from _Reader(data, corpus).records()


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


class _Reader:
    """Goes through one file."""

    def __init__(self, data: mmap.mmap, corpus: JsonCorpus) -> None:
        self._data = data
        self._group = None if corpus.group in (None, BY_FILE) else corpus.group
        self._splitter = Splitter(data)
        self._released = 0

    def records(self) -> Iterator[Record]:
        """By the first of the accepted forms that fits."""
        first = self._splitter.next()
        if first == b"[":
            yield from self._one_by_one(self._splitter.elements())
        elif first == b"{":
            fields, twice = self._fields()
            if "waveforms" in fields:
                if twice:
                    raise MalformedError(f"two members are named {twice!r}")
                yield from self._together(fields)
            elif not fields.keys() & {"Waveform", "Labels"}:
                raise MalformedError(f"found an object with {', '.join(fields) or 'nothing in it'}")
            else:
                yield self._record(fields, twice)
                yield from self._one_by_one(iter(self._splitter.next, b""))
                return
        else:
            found = self._data[self._splitter.position : self._splitter.position + 12].decode(errors="replace")
            raise MalformedError(f"found {found!r}" if found else "the file is empty")
        if self._splitter.next():
            raise MalformedError(f"expected the end at byte {self._splitter.position}")

    def _one_by_one(self, places: Iterator[object]) -> Iterator[Record]:
        try:
            for _ in places:
                start = self._splitter.position
                if self._splitter.next() == b"{":
                    yield self._record(*self._fields())
                else:
                    yield Record(self._splitter.value(), reason="expected an object with Waveform and Labels")
                self._release()
        except TruncatedError:
            yield Record(Span(start, start), reason="truncated: the file ends within this record")
            self._splitter.position = len(self._data)

    def _record(self, fields: dict[str, Span], twice: str) -> Record:
        if twice:
            return Record(next(iter(fields.values())), reason=f"two members are named {twice!r}")
        missing = [name for name in ("Waveform", "Labels", self._group) if name and name not in fields]
        if missing:
            return Record(Span(0, 0), reason=f"it has no {missing[0]}")
        group = self._value(fields[self._group]) if self._group else None
        rate_hz = self._value(fields["fs"]) if "fs" in fields else None
        return Record(fields["Waveform"], self._value(fields["Labels"]), group, rate_hz)

    def _together(self, fields: dict[str, Span]) -> Iterator[Record]:
        """Waveforms in one array, what is said of them in others."""
        rate_hz = self._value(fields["fs"]) if "fs" in fields else None
        columns = {}
        places = self._waveforms
        for name in ("labels", self._group):
            if name is None:
                continue
            values = self._value(fields[name]) if name in fields else None
            if not isinstance(values, list):
                raise MalformedError(f"expected an array of {name} beside the waveforms")
            if len(values) != len(places) // 2:
                raise MalformedError(
                    f"expected as many {name} as waveforms, found {len(values)} and {len(places) // 2}"
                )
            columns[name] = values
        for number in range(len(places) // 2):
            span = Span(places[2 * number], places[2 * number + 1])
            group = columns[self._group][number] if self._group else None
            yield Record(span, columns["labels"][number], group, rate_hz)

    def _fields(self) -> tuple[dict[str, Span], str]:
        """The members of an object by name, and a name that comes twice; of the waveforms in an array, each place."""
        fields: dict[str, Span] = {}
        twice = ""
        for raw in self._splitter.members():
            name = raw.decode(errors="replace")
            twice = name if name in fields else twice
            start = self._splitter.position
            if name == "waveforms":
                self._waveforms = array("q")
                for _ in self._splitter.elements():
                    span = self._splitter.value()
                    self._waveforms.extend((span.start, span.end))
                    self._release()
                fields[name] = Span(start, self._splitter.position)
            else:
                fields[name] = self._splitter.value()
        return fields, twice

    def _value(self, span: Span) -> Any:
        """A label, a rate, or an array of labels."""
        if span.end - span.start > LARGEST_RECORD:
            raise MalformedError(f"more than {LARGEST_RECORD >> 20} MB from byte {span.start} on")
        try:
            return json.loads(self._data[span.start : span.end], parse_constant=str)
        except ValueError as error:
            raise MalformedError(f"at byte {span.start}: {error}") from None

    def _release(self) -> None:
        """Pages of a mapped file count as memory of the process until it says that it has read them."""
        if self._splitter.position - self._released > RELEASED and hasattr(mmap, "MADV_DONTNEED"):
            self._data.madvise(mmap.MADV_DONTNEED, self._released, RELEASED)
            self._released += RELEASED
