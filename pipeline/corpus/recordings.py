"""Where the samples of one recording come from, as workers are told."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from features.audio import decode
from pipeline.corpus.numerals import parse_samples, parse_values, split_line

_PART = re.compile(r"(?s)(.+)\[(\d+)/(\d+)\]")  # of a recording, as the end of its name


class Recording(Protocol):
    """Something that decodes to mono float32 `(samples,)` and a rate in Hz; its text is what messages call it."""

    def decode(self) -> tuple[np.ndarray, int]: ...


@dataclass(frozen=True)
class AudioFile:
    """A file, or one of `parts` equal parts of it, counted from 0."""

    path: Path
    part: int = 0
    parts: int = 1

    def __str__(self) -> str:
        return part_name(str(self.path), self.part, self.parts)

    def decode(self) -> tuple[np.ndarray, int]:
        samples, rate_hz = decode(self.path)
        return self.of(samples), rate_hz

    def of(self, samples: np.ndarray) -> np.ndarray:
        """The part of a file's samples."""
        return samples[len(samples) * self.part // self.parts : len(samples) * (self.part + 1) // self.parts]


class Decoder:
    """Decodes recordings, and a file once for all parts of it that follow each other."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._whole: tuple[np.ndarray, int]

    def decode(self, recording: Recording) -> tuple[np.ndarray, int]:
        """As `recording.decode` does."""
        if not isinstance(recording, AudioFile) or recording.parts == 1:
            return recording.decode()
        if recording.path != self._path:
            self._path = None  # unless it decodes
            self._whole = decode(recording.path)
            self._path = recording.path
        samples, rate_hz = self._whole
        return recording.of(samples), rate_hz


def part_name(name: str, part: int, parts: int) -> str:
    """What a part of a recording is called: `name[2/3]`; the whole has no addition."""
    return name if parts == 1 else f"{name}[{part + 1}/{parts}]"


def whole_name(name: str) -> str:
    """The name of the recording that this is, or is a part of."""
    return found[1] if (found := _PART.fullmatch(name)) else name


def audio_file(root: Path, name: str) -> AudioFile:
    """What a name stands for below a folder."""
    if found := _PART.fullmatch(name):
        return AudioFile(root / found[1], int(found[2]) - 1, int(found[3]))
    return AudioFile(root / name)


@dataclass(frozen=True)
class JsonArray:
    """Numbers in a JSON file, from one byte to another."""

    path: Path
    number: int  # of the record in the file
    start: int
    end: int
    sample_rate_hz: int

    def __str__(self) -> str:
        return f"{self.path}#{self.number}"

    def decode(self) -> tuple[np.ndarray, int]:
        """Raises `ValueError` for what is not an array of numbers."""
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return parse_samples(file.read(self.end - self.start)), self.sample_rate_hz


@dataclass(frozen=True)
class CsvRow:
    """A line of a CSV table from one byte to another: a label, and the values of a spectrogram."""

    path: Path
    line: int  # from 1
    start: int
    end: int
    separator: str = ","

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}"

    def decode(self) -> tuple[np.ndarray, int]:
        """Raises `ValueError` for what is not numbers. There is no rate: it is 0."""
        with open(self.path, "rb") as file:
            file.seek(self.start)
            text = file.read(self.end - self.start)
        return parse_values(split_line(text, self.separator.encode())[1:]), 0
