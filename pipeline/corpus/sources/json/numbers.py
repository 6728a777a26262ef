"""Numbers in the text of JSON arrays, as float32."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
PIECE = 1 << 20  # bytes that are parsed at a time; as Python's objects a text takes some ten times as much

_NOT_FLAT = re.compile(rb'[\[{"]')
_SHOWN = re.compile(rb'"[^"\\]{0,18}')


def parse_samples(text: bytes) -> np.ndarray:
    """Return the finite numbers of a JSON array, `(samples,)` float32. Raises `ValueError` that says which is none."""
    import simdjson  # for those whose recordings are JSON

    try:
        array = simdjson.Parser().parse(text)
        if not isinstance(array, simdjson.Array) or text.find(b"[", 1) >= 0:  # it would flatten arrays in the array
            raise ValueError("not a flat array")
        samples = np.frombuffer(array.as_buffer(of_type="d"), np.float64)
    except (TypeError, ValueError, RuntimeError):  # simdjson's words name no place, and it holds no integer of 10**30
        samples = _parsed_slowly(text)
    with np.errstate(over="ignore"):
        narrow = samples.astype(np.float32)
    if not np.isfinite(narrow).all():
        place = int(np.flatnonzero(~np.isfinite(narrow))[0])
        raise ValueError(f"sample {place} is {samples[place]:g}, beyond what float32 holds")
    return narrow


def _parsed_slowly(text: bytes) -> np.ndarray:
    """Parse as `parse_samples` does, in float64, by Python's parser, piece by piece."""
    inner = text.strip()
    if not (inner.startswith(b"[") and inner.endswith(b"]")):
        raise ValueError("expected an array of numbers")
    inner = inner[1:-1]
    nested = _NOT_FLAT.search(inner)
    if nested is None:
        return np.concatenate([np.empty(0), *(_checked(*piece) for piece in _pieces(inner))])
    before = max(inner.rfind(b",", 0, nested.start()), 0)
    number = inner.count(b",", 0, nested.start())
    for piece in _pieces(inner[:before]):  # where an earlier one may be at fault
        _checked(*piece)
    kind = {b"[": "an array", b"{": "an object"}.get(nested[0]) or _text_at(inner, nested.start())
    raise ValueError(f"sample {number} is {kind}, not a number")


def _pieces(inner: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield pieces of a flat array, cut at commas: number of the first sample, first byte, text."""
    start = number = 0
    while start <= len(inner):
        stop = len(inner)
        if stop - start > PIECE and (comma := inner.find(b",", start + PIECE)) >= 0:
            stop = comma
        piece = inner[start:stop]
        if stop - start < len(inner) and not piece.strip():
            raise ValueError(f"not JSON: expected a number at byte {start + 1} of the array")
        yield number, start, piece
        number += piece.count(b",") + 1
        start = stop + 1


def _checked(number: int, start: int, piece: bytes) -> np.ndarray:
    """Return the numbers of a piece of an array, `(samples,)` float64."""
    try:
        values: list[Any] = json.loads(b"[" + piece + b"]")
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at byte {start + error.pos} of the array") from None
    except ValueError as error:  # of UTF-8, or numbers of thousands of digits
        raise ValueError(f"not JSON: {error}") from None
    for place, value in enumerate(values, start=number):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"sample {place} is {'null' if value is None else repr(value)[:20]}, not a number")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"sample {place} is not finite")
        if abs(value) > LARGEST_FLOAT32:
            raise ValueError(f"sample {place} is beyond what float32 holds")
    return np.array(values, np.float64)


def _text_at(inner: bytes, start: int) -> str:
    shown = _SHOWN.match(inner, start)
    return repr((shown[0][1:] if shown else b"").decode(errors="replace"))
