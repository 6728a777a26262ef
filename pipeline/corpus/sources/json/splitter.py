"""Splitter of JSON texts: it finds the begin and end of values without parsing them.

No fast parser streams arrays by itself. A waveform is a flat array, which ends at the next bracket, and a search for
that is as fast as memory. The splitter checks only the structure that it needs; values are checked by a parser later.
"""

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 64
RELEASED = 64 << 20  # bytes of a mapped file that may stay in memory

_SPACE = re.compile(rb"[ \t\r\n]*+")
# Possessive: what was matched is not given back, so that nothing is remembered of each escape.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\[\]{}\"]++")
_STRUCTURE = re.compile(rb'["\[\]{}]')
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class MalformedError(ValueError):
    """Text that is not JSON, at least in the parts that were read."""


class TruncatedError(MalformedError):
    """Text that ends too early."""


@dataclass(frozen=True)
class Span:
    """Place of a value, in bytes."""

    start: int
    end: int


class Splitter:
    """Iterator over the values of a JSON text. Its methods raise `MalformedError`.

    Attributes
    ----------
    position : int
        Next byte to be read.
    end : int
        Byte before which the text ends; less than its length while a part of it is read.
    """

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self._data = data
        self._released = 0
        self.position = self.begin = len(_BYTE_ORDER_MARK) if data[:3] == _BYTE_ORDER_MARK else 0
        self.end = len(data)

    def seek(self, position: int, end: int) -> None:
        """Go to a byte, also an earlier one, of a text that ends before the byte `end`."""
        self.position, self.end = position, end
        self._released = min(self._released, position // RELEASED * RELEASED)

    def find(self, byte: bytes, start: int) -> int:
        """Return the next place of a byte from `start` on, or the end of the data; `position` stays."""
        for begin in range(start, len(self._data), RELEASED):
            place = self._data.find(byte, begin, begin + RELEASED)
            if place >= 0:
                return place
            self._forget(begin // RELEASED * RELEASED)
        return len(self._data)

    def next(self) -> bytes:
        """Return the next byte that is no space, and go to it; return no byte at the end."""
        match = _SPACE.match(self._data, self.position, self.end)
        assert match is not None  # it matches nothing as well
        self.position = match.end()
        self._release()
        return self._data[self.position : min(self.position + 1, self.end)]

    def elements(self) -> Iterator[None]:
        """Stop before each element of an array, for the caller to go past it."""
        self._take(b"[")
        if self.next() == b"]":
            self.position += 1
            return
        while True:
            yield
            if self._take(b",", b"]") == b"]":
                return

    def members(self) -> Iterator[bytes]:
        """Yield the names of an object as they are written; stop before each value, for the caller to go past it."""
        self._take(b"{")
        if self.next() == b"}":
            self.position += 1
            return
        while True:
            self.next()
            name = self._string()
            self._take(b":")
            yield self._data[name.start + 1 : name.end - 1]
            if self._take(b",", b"}") == b"}":
                return

    def value(self) -> Span:
        """Go past any value, and return its place."""
        start = self.next()
        if start in (b"[", b"{"):
            return self._nested()
        if start == b'"':
            return self._string()
        match = _SCALAR.match(self._data, self.position, self.end)
        if match is None:
            raise self._expected("a value")
        return self._passed(match.end())

    def _nested(self) -> Span:
        data, start, depth = self._data, self.position, 0
        while True:
            match = _STRUCTURE.search(data, self.position, self.end)
            if match is None:
                raise TruncatedError(f"the text ends within what begins at byte {start}")
            self.position = match.start()
            self._release()
            kind = match[0]
            if kind == b'"':
                self._string()
                continue
            if kind == b"[" and self._flat(end := data.find(b"]", self.position, self.end)):
                self.position = end + 1
            else:
                depth += 1 if kind in (b"[", b"{") else -1
                self.position += 1
            if depth == 0:
                return Span(start, self.position)
            if depth > MAX_DEPTH:
                raise MalformedError(f"more than {MAX_DEPTH} arrays and objects within each other at byte {start}")

    def _flat(self, end: int) -> bool:
        """Return True if the array at `position` holds neither arrays, objects nor strings before its end."""
        if end < 0:
            return False
        return all(self._data.find(byte, self.position + 1, end) < 0 for byte in (b"[", b'"', b"{"))

    def _string(self) -> Span:
        match = _STRING.match(self._data, self.position, self.end)
        if match is None:
            raise self._expected("a string")
        return self._passed(match.end())

    def _passed(self, end: int) -> Span:
        span = Span(self.position, end)
        self.position = end
        return span

    def _take(self, *bytes_: bytes) -> bytes:
        byte = self.next()
        if byte not in bytes_:
            raise self._expected(" or ".join(byte.decode() for byte in bytes_))
        self.position += 1
        return byte

    def _expected(self, what: str) -> MalformedError:
        text = self._data[self.position : min(self.position + 12, self.end)].decode(errors="replace")
        if not text or (text.startswith('"') and what == "a string"):
            return TruncatedError(f"expected {what} at byte {self.position}, but the text ends")
        return MalformedError(f"expected {what} at byte {self.position}, found {text!r}")

    def _release(self) -> None:
        while self.position - self._released > RELEASED:
            self._forget(self._released)
            self._released += RELEASED

    def _forget(self, start: int) -> None:
        """Give pages of a mapped file back, which count as memory of the process until then."""
        if isinstance(self._data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._data.madvise(mmap.MADV_DONTNEED, start, min(RELEASED, len(self._data) - start))
