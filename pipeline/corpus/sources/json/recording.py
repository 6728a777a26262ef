"""Recordings in JSON files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.corpus.sources.json.members import Record
from pipeline.corpus.sources.json.numbers import parse_samples

LARGEST_RECORD = 64 << 20  # bytes of text; minutes of sound
LONGEST_SHOWN = 60  # characters of a value in a reason


@dataclass(frozen=True)
class JsonArray:
    """Array of numbers in a JSON file, from one byte to another."""

    path: Path
    number: int  # of the record in the file
    start: int
    end: int
    sample_rate_hz: int

    def __str__(self) -> str:
        return f"{self.path}#{self.number}"

    def decode(self) -> tuple[np.ndarray, int]:
        """Return the samples, `(samples,)` float32, and their rate in Hz.

        Raises
        ------
        ValueError
            If there is no array of numbers.
        """
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return parse_samples(file.read(self.end - self.start)), self.sample_rate_hz


def array_of(path: Path, number: int, record: Record, default_rate_hz: int) -> JsonArray:
    """Return the waveform of a record, at the rate that it states or else at the default one.

    Raises `ValueError` with the reason why there is none.
    """
    if record.reason:
        raise ValueError(record.reason)
    rate_hz = default_rate_hz if record.sample_rate_hz is None else record.sample_rate_hz
    if not is_rate(rate_hz):
        raise ValueError(f"fs {shown(rate_hz)} is no rate in whole Hz")
    if record.waveform.end - record.waveform.start > LARGEST_RECORD:
        raise ValueError(f"more than {LARGEST_RECORD >> 20} MB of text")
    return JsonArray(path, number, record.waveform.start, record.waveform.end, int(rate_hz))


def is_rate(value: Any) -> bool:
    """Return True if a value is a rate in whole Hz."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < 2**31 and value % 1 == 0


def shown(value: Any) -> str:
    """Return a value as text for a reason, cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
