"""Members of objects in a JSON file that are read, and the places of waveforms in an array of them."""

import json
import re
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any

from pipeline.corpus.sources.json.splitter import MalformedError, Span, Splitter

LARGEST_VALUE = 64 << 10  # bytes of a label, a group or a rate
LONGEST_NAME = 64  # bytes of a member's name that can be one of those that are read; escapes take six each
NAMES_SHOWN = 6

NUMERIC = frozenset({bytes([byte]) for byte in b"-0123456789"})  # how a number begins

_BRACKET = re.compile(rb'["\[\]{}]')
_ENDS_A_MEMBER = re.compile(rb'\s*+(?:\}|,\s*+"|\Z)')
_MEMBER = re.compile(rb'"[^"\\]*+"\s*+:')


@dataclass(frozen=True)
class Record:
    """Record as it stands in a file.

    Attributes
    ----------
    waveform
        The place of its array of numbers.
    label, group, sample_rate_hz
        Values as JSON has them; None if the file does not state them.
    reason
        Reason that the record cannot be used, if it is clear already; else empty.
    """

    waveform: Span
    label: Any = None
    group: Any = None
    sample_rate_hz: Any = None
    reason: str = ""


@dataclass
class Members:
    """Members of an object, up to the first that cannot be read.

    Attributes
    ----------
    spans
        Places of the members that are read, by name; each of them has its end.
    names
        First names of all members, for messages.
    twice
        Name of a member that is read and comes twice; empty if there is none.
    waveforms
        Start and end of each waveform, one after the other, if there is an array of them; a broken one has `~end`.
    torn
        True if the end of that array is missing, and with it perhaps a member.
    error
        Error that ends the object too early.
    """

    spans: dict[str, Span] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    twice: str = ""
    waveforms: "array[int] | None" = None
    torn: bool = False
    error: MalformedError | None = None

    @property
    def is_record(self) -> bool:
        """Return True if the object is one record, with a waveform or a label of its own."""
        return self.waveforms is None and bool(self.spans.keys() & {"Waveform", "Labels"})

    def no_record(self) -> MalformedError:
        """Return the error that the object is no record, which shows its first names."""
        shown = (" ".join(name.split())[:40] for name in self.names)
        return MalformedError(f"found an object with {', '.join(shown) or 'nothing in it'}")


def read_members(data: mmap, splitter: Splitter, names: Collection[str]) -> Members:
    """Go past the object at the splitter's position, and return its members; those with one of `names` are read."""
    members = Members()
    try:
        for raw in splitter.members():
            name = _name(raw)
            if len(members.names) < NAMES_SHOWN:
                members.names.append(name)
            splitter.next()
            start = splitter.position
            if name == "waveforms":
                members.twice = members.twice or (name if members.waveforms is not None else "")
                members.waveforms, members.torn = waveform_places(data, splitter)
            else:
                splitter.value()
            span = Span(start, splitter.position)
            if name in names and splitter.next() in (b",", b"}"):  # a number before the end may be half of one
                members.twice = members.twice or (name if name in members.spans else "")
                members.spans[name] = span
    except MalformedError as error:
        members.error = error
    return members


def waveform_places(data: mmap, splitter: Splitter) -> "tuple[array[int], bool]":
    """Go past an array of waveforms.

    Return start and end of each, `~end` for a broken one, and whether the end of the array is missing.

    Raises `MalformedError` if there is no array, or its end cannot be told.
    """
    places = array("q")
    doubtful: tuple[int, int] | None = None  # place and number of the first that holds arrays, perhaps its successors
    start = splitter.position
    try:
        for _ in splitter.elements():
            kind = splitter.next()
            start = splitter.position
            span = splitter.value()
            if kind == b"[" and doubtful is None and data.find(b"[", span.start + 1, span.end) >= 0:
                doubtful = start, len(places)
            if kind in NUMERIC:  # of a waveform whose beginning is missing
                raise MalformedError(f"expected a waveform at byte {start}, found a number")
            if splitter.next() not in (b",", b"]"):
                raise MalformedError(f"expected the array's next waveform or its end at byte {splitter.position}")
            places.extend((span.start, span.end))
            start = splitter.position
        if _ENDS_A_MEMBER.match(data, splitter.position, splitter.end):
            return places, False
    except MalformedError:
        if data[start : start + 1] != b"[" and not places:
            raise
    if doubtful is not None:
        start, count = doubtful
        del places[count:]
    return places, not _go_on_from(start, places, data, splitter)


def _go_on_from(start: int, places: "array[int]", data: mmap, splitter: Splitter) -> bool:
    """Go on in a broken array of waveforms: where none holds an array, each bracket begins another one.

    Return True if its end was found.
    """
    splitter.seek(start, splitter.end)
    while kind := splitter.next():
        start = splitter.position
        if kind == b",":
            splitter.position += 1
        elif kind == b"]":
            splitter.position += 1
            return True
        elif kind == b"}" or _MEMBER.match(data, start, splitter.end):  # the array's own bracket is missing
            if places and places[-1] >= 0:
                places[-1] = ~places[-1]  # which may have taken it
            comma = data.rfind(b",", 0, start)
            if kind == b'"' and not data[comma + 1 : start].strip():
                splitter.position = comma
            return False
        else:
            ends = _BRACKET.search(data, start + 1, splitter.end)
            stop = ends.start() if ends else splitter.end
            closed = ends is not None and ends[0] == b"]"
            splitter.position = stop + closed
            places.extend((start, splitter.position if closed and kind == b"[" else ~splitter.position))
    return False


def beginning_with(names: Iterable[str]) -> re.Pattern[bytes]:
    """Return a pattern of objects that begin with one of these members; no string fits: its quotes would be escaped."""
    return re.compile(rb'\{\s*+"(?:' + b"|".join(re.escape(name.encode()) for name in names) + rb')"\s*+:')


def value_at(data: mmap, span: Span) -> Any:
    """Return a label, a group or a rate. Raises `MalformedError` if it is not JSON, or too long to be one of them."""
    if (size := span.end - span.start) > LARGEST_VALUE:
        expected = f"a label, a group or a rate of at most {LARGEST_VALUE} bytes"
        raise MalformedError(f"expected {expected} at byte {span.start}, found {size} bytes")
    try:
        return json.loads(data[span.start : span.end], parse_constant=str)
    except ValueError as error:
        raise MalformedError(f"at byte {span.start}: {error}") from None


def _name(raw: bytes) -> str:
    """Return a member's name without escapes, or the beginning of one that is longer than all that are read."""
    if len(raw) > LONGEST_NAME * 6:
        return raw[:LONGEST_NAME].decode(errors="replace") + "…"
    try:
        name = str(json.loads(b'"' + raw + b'"'))
    except ValueError:
        name = raw.decode(errors="replace")
    return name.encode(errors="backslashreplace").decode()
