"""Records of a JSON file, one after the other, in any of three forms and in bounded memory.

A broken record is one record with a reason. Those after it are read from a place at which a record certainly begins:
the next line in a file of lines, the next object that begins as a record does in an array.
"""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpus.sources.json.columnar import columnar_records
from pipeline.corpus.sources.json.members import NUMERIC, Members, Record, beginning_with, read_members, value_at
from pipeline.corpus.sources.json.settings import BY_FILE, JsonCorpus
from pipeline.corpus.sources.json.splitter import MalformedError, Span, Splitter, TruncatedError

FORMS = (
    'accepted are {"waveforms": [[…], …], "labels": […], "fs": 44100}, [{"Waveform": […], "Labels": 0}, …], '
    "and one such record on each line"
)
MOST_BEGINNINGS = 8  # names of members that records begin with
MOST_SPACES = 64  # before an object, among which a colon or a line's end is sought

NO_OBJECT = "expected an object with Waveform and Labels"

_BETWEEN = re.compile(rb"[\s,\]]*+")  # records of an array


def records(path: Path, corpus: JsonCorpus) -> Iterator[Record]:
    """Yield the records of a file in their order. Raises `MalformedError` if they cannot be told apart."""
    with open(path, "rb") as file:
        if not file.read(1):
            raise MalformedError("the file is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from _Reader(data, corpus).records()


class _Reader:
    """Reader of one file."""

    def __init__(self, data: mmap.mmap, corpus: JsonCorpus) -> None:
        self._data = data
        self._group = None if corpus.group in (None, BY_FILE) else corpus.group
        self._names = {"Waveform", "Labels", "labels", "fs", *filter(None, [self._group])}
        self._splitter = Splitter(data)
        self._first = ["Waveform", "Labels"]  # members that a record begins with
        self._begins = beginning_with(self._first)

    def records(self) -> Iterator[Record]:
        """Yield the records, by the first of the accepted forms that fits."""
        first, start = self._splitter.next(), self._splitter.position
        if first == b"[":
            yield from self._one_by_one(self._splitter.elements())
        elif first == b"{":
            yield from self._objects(start)
        elif first and self._has_record_line(start):
            yield from self._lines()
        else:
            text = self._data[start : start + 12].decode(errors="replace")
            raise MalformedError(f"found {text!r}" if text else "the file is empty")

    def _objects(self, start: int) -> Iterator[Record]:
        """Yield the records of a file that begins with an object: all in it, one on each line, or one after another."""
        line = self._splitter.find(b"\n", start)
        members, is_line = self._read(start, line)
        if not is_line and line < len(self._data):
            members, _ = self._read(start, len(self._data))
        self._splitter.end = len(self._data)
        if members.waveforms is not None:
            yield from columnar_records(self._data, self._splitter, members, self._group)
        elif is_line or self._has_record_line(line):
            yield from self._lines()
        elif not members.spans.keys() & {"Waveform", "Labels"} and not self._begins.match(self._data, start):
            raise members.error or members.no_record()
        else:
            self._splitter.seek(start, len(self._data))
            yield from self._one_by_one(iter(self._splitter.next, b""))

    def _lines(self) -> Iterator[Record]:
        """Yield one record for each line that holds anything. Raises `MalformedError` if no line holds a record."""
        position, other, recorded = self._splitter.begin, Members(), False
        while position < len(self._data):
            end = self._splitter.find(b"\n", position)
            self._splitter.seek(position, end)
            kind, start = self._splitter.next(), self._splitter.position
            if kind == b"{":
                members, is_line = self._read(start, end)
                recorded = recorded or members.is_record
                other = other if other.names else members
                if is_line:
                    yield self._record(members)
                elif members.error is None:
                    yield Record(
                        Span(start, start), reason=f"expected the line's end at byte {self._splitter.position}"
                    )
                elif isinstance(members.error, TruncatedError):
                    within = "line" if end < len(self._data) else "file"
                    yield Record(Span(start, start), reason=f"truncated: the {within} ends within this record")
                else:
                    yield Record(Span(start, start), reason=str(members.error))
            elif kind:
                yield Record(Span(start, start), reason=NO_OBJECT)
            position = end + 1
        if not recorded:
            raise other.error or other.no_record()

    def _one_by_one(self, places: Iterator[object]) -> Iterator[Record]:
        """Yield the objects at some places, each of which is a record."""
        splitter, count = self._splitter, 0
        start = search_from = splitter.position
        try:
            for _ in places:
                kind, start = splitter.next(), splitter.position
                search_from = start + 1
                if kind == b"{":
                    members = read_members(self._data, splitter, self._names)
                    self._learn_beginning(start, members)
                    if members.error is not None:
                        raise members.error
                    if (inner := self._record_within(members)) is not None:
                        raise TruncatedError(f"another record begins at byte {inner}")
                    yield self._record(members)
                elif kind in NUMERIC:  # of a waveform whose beginning is missing
                    raise MalformedError(f"{NO_OBJECT} at byte {start}, found a number")
                else:
                    yield Record(splitter.value(), reason=NO_OBJECT)
                count += 1
                start = search_from = splitter.position
            if splitter.next():
                raise MalformedError(f"expected the end at byte {splitter.position}")
        except MalformedError as error:
            if not count and self._next_record(start) == len(self._data):
                raise
            yield from self._from_broken(start, self._next_record(search_from), error)

    def _from_broken(self, start: int, following: int, error: MalformedError) -> Iterator[Record]:
        """Yield the broken bytes from `start` as one record, then the records from `following` on."""
        end = len(self._data)
        while True:
            if self._past_separators(start, following) < following:
                yield Record(Span(start, start), reason=_why_broken(error, start, following, end))
            elif following == end and isinstance(error, TruncatedError):
                yield Record(Span(start, start), reason="truncated: the file ends before its array does")
            while following < end:
                start, following = following, self._next_record(following + 1)
                members, _ = self._read(start, following)
                if members.error is not None:
                    error = members.error
                    break
                yield self._record(members)
                start = self._past_separators(self._splitter.position, following)
                if self._data[start : start + 1] == b"{":  # after a whole record another one, however it begins
                    following = start
                elif start < following:
                    error = MalformedError(f"expected the next record at byte {start}")
                    break
            else:
                return

    def _past_separators(self, start: int, end: int) -> int:
        """Return the end of the spaces, commas and closing brackets from a byte on, at most `end`."""
        match = _BETWEEN.match(self._data, start, end)
        assert match is not None  # it matches nothing as well
        return match.end()

    def _read(self, start: int, end: int) -> tuple[Members, bool]:
        """Return the object at `start` of a text that ends at `end`, and whether the text holds nothing else."""
        self._splitter.seek(start, end)
        members = read_members(self._data, self._splitter, self._names)
        return members, members.error is None and self._past_separators(self._splitter.position, end) == end

    def _record(self, members: Members) -> Record:
        if members.twice:
            return Record(Span(0, 0), reason=f"two members are named {members.twice!r}")
        spans = members.spans
        missing = [name for name in ("Waveform", self._group) if name and name not in spans]
        if missing:
            return Record(Span(0, 0), reason=f"it has no {missing[0]}")
        try:
            label, group, rate_hz = (
                value_at(self._data, spans[name]) if name in spans else None for name in ("Labels", self._group, "fs")
            )
            return Record(spans["Waveform"], label, group, rate_hz)
        except MalformedError as error:  # in this record alone: its end was found
            return Record(spans["Waveform"], reason=str(error))

    def _learn_beginning(self, start: int, members: Members) -> None:
        """Learn that records begin with another member, unless objects within a complete record do so too."""
        if not members.names or members.names[0] in self._first or len(self._first) == MOST_BEGINNINGS:
            return
        before = self._begins
        self._first.append(members.names[0])
        self._begins = beginning_with(self._first)
        if members.error is None and self._next_record(start + 1) < self._splitter.position:
            self._begins = before
            self._first.pop()

    def _next_record(self, start: int) -> int:
        """Return the place of the next object that begins as a record does, from a byte on, or the end of the data."""
        place = self._splitter.find(b"{", start)
        while place < len(self._data):
            is_value = self._data[max(0, place - MOST_SPACES) : place].rstrip().endswith(b":")
            if not is_value and self._begins.match(self._data, place):
                return place
            place = self._splitter.find(b"{", place + 1)
        return place

    def _record_within(self, members: Members) -> int | None:
        """Return the place of another record within the waveform of a record without an end; None if there is none."""
        span = members.spans.get("Waveform")
        if span is None or self._data.find(b"{", span.start, span.end) < 0:
            return None
        return place if (place := self._next_record(span.start)) < span.end else None

    def _has_record_line(self, start: int) -> bool:
        """Return True if a line after a byte is a record by itself."""
        place = self._splitter.find(b"{", start)
        while place < len(self._data):
            if self._data[max(0, place - MOST_SPACES) : place].rstrip(b" \t\r").endswith(b"\n"):
                members, is_line = self._read(place, self._splitter.find(b"\n", place))
                if is_line and members.is_record:
                    return True
            place = self._splitter.find(b"{", place + 1)
        return False


def _why_broken(error: MalformedError, start: int, following: int, end: int) -> str:
    size = following - start
    if not isinstance(error, TruncatedError):
        return f"{error}; the {size} bytes from byte {start} on cannot be told apart"
    if following == end:
        return f"truncated: the file ends within this record, of which {size} bytes are there"
    return f"truncated: the next record begins {size} bytes after this one"
