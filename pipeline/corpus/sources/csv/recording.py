"""Ready-made spectrograms in CSV tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.corpus.sources.csv.numbers import parse_values, split_line


@dataclass(frozen=True)
class CsvRow:
    """Line of a CSV table from one byte to another: a label, and the values of a spectrogram."""

    path: Path
    line: int  # from 1
    start: int
    end: int
    separator: str = ","

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}"

    def decode(self) -> tuple[np.ndarray, int]:
        """Return the values, `(values,)` float32, and 0, since there is no rate.

        Raises
        ------
        ValueError
            If the line holds anything but numbers.
        """
        with open(self.path, "rb") as file:
            file.seek(self.start)
            text = file.read(self.end - self.start)
        return parse_values(split_line(text, self.separator.encode())[1:]), 0
