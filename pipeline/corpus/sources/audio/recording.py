"""Recordings in audio files."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from features.audio import decode, open_sound
from features.spans import SpanReader, samples_at
from pipeline.corpus.recordings import part_name, segment_name, split_name, split_segment

LONGEST = sys.maxsize  # samples


@dataclass(frozen=True)
class AudioFile:
    """A file, or a segment of it in seconds, or one of `parts` equal parts of either, counted from 0.

    A segment without an end goes on to that of the file.
    """

    path: Path
    part: int = 0
    parts: int = 1
    start_s: float = 0.0
    end_s: float | None = None

    def __str__(self) -> str:
        return part_name(segment_name(str(self.path), self.start_s, self.end_s), self.part, self.parts)

    def encoded(self) -> Path | BinaryIO:
        """Return what is decoded: the path of the file."""
        return self.path

    def decode(self) -> tuple[np.ndarray, int]:
        """Return the samples of the file, segment or part, `(samples,)` float32, and their rate in Hz."""
        if self.is_whole:
            samples, rate_hz = decode(self.encoded())
            return self.cut(samples), rate_hz
        with open_sound(self.encoded()) as sound:
            return self.cut(SpanReader(sound).read(*self.span(sound.samplerate))), sound.samplerate

    @property
    def is_whole(self) -> bool:
        """Return True if it is no segment."""
        return self.start_s == 0 and self.end_s is None

    @property
    def whole(self) -> Self:
        """Return the file that this is, or is a segment or part of."""
        return replace(self, part=0, parts=1, start_s=0.0, end_s=None)

    def span(self, rate_hz: int, frames: int | None = None) -> tuple[int, int]:
        """Return the first sample and the one after the last, of the segment or, with the file's length, of the part.

        Without the length a segment that has no end goes on beyond the file.
        """
        start = samples_at(self.start_s, rate_hz)
        stop = LONGEST if self.end_s is None else samples_at(self.end_s, rate_hz)
        if frames is None:
            return start, stop
        length = max(0, min(stop, frames) - start)
        return start + length * self.part // self.parts, start + length * (self.part + 1) // self.parts

    @property
    def longer(self) -> Self | None:
        """Return the file or segment of which this is an equal part; None if it is all of it."""
        return None if self.parts == 1 else replace(self, part=0, parts=1)

    def cut(self, samples: np.ndarray) -> np.ndarray:
        """Return this part of the samples of the file or segment."""
        return samples[len(samples) * self.part // self.parts : len(samples) * (self.part + 1) // self.parts]


def audio_file(root: Path, name: str) -> AudioFile:
    """Return the file, the segment or the part of one, that has a name below a folder."""
    whole, part, parts = split_name(name)
    path, start_s, end_s = split_segment(whole)
    return AudioFile(root / path, part, parts, start_s, end_s)
