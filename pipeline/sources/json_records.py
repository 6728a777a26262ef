"""The records of a JSON file, one after the other, in any of three forms and in bounded memory."""

import json
import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.corpora import BY_FILE, JsonCorpus
from pipeline.sources.splitter import MalformedError, Span, Splitter, TruncatedError

FORMS = (
    'accepted are {"waveforms": [[…], …], "labels": […], "fs": 44100}, [{"Waveform": […], "Labels": 0}, …], '
    "and one such record on each line"
)
LARGEST_RECORD = 64 << 20  # bytes of text; minutes of sound
RELEASED = 64 << 20  # bytes of a mapped file that may stay in memory


@dataclass(frozen=True)
class Record:
    """One record as it stands in a file. `reason` says why it cannot be used, if that is clear already."""

    waveform: Span
    label: Any = None
    group: Any = None
    sample_rate_hz: Any = None
    reason: str = ""


def records(path: Path, corpus: JsonCorpus) -> Iterator[Record]:
    """The records of a file in their order. Raises `MalformedError` where they cannot be told apart."""
    with open(path, "rb") as file:
        if not file.read(1):
            raise MalformedError("the file is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from _Reader(data, corpus).records()


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
        try:
            group = self._value(fields[self._group]) if self._group else None
            rate_hz = self._value(fields["fs"]) if "fs" in fields else None
            return Record(fields["Waveform"], self._value(fields["Labels"]), group, rate_hz)
        except MalformedError as error:  # in this record alone: its end was found
            return Record(fields["Waveform"], reason=str(error))

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
