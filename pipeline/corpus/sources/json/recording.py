"""Recordings in JSON files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.corpus.sources.json.numbers import parse_samples


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
