"""Recordings in audio files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from features.audio import decode
from pipeline.corpus.recordings import part_name, split_name


@dataclass(frozen=True)
class AudioFile:
    """A file, or one of `parts` equal parts of it, counted from 0."""

    path: Path
    part: int = 0
    parts: int = 1

    def __str__(self) -> str:
        return part_name(str(self.path), self.part, self.parts)

    def decode(self) -> tuple[np.ndarray, int]:
        """Return the samples of the file or part, `(samples,)` float32, and their rate in Hz."""
        samples, rate_hz = decode(self.path)
        return self.cut(samples), rate_hz

    @property
    def longer(self) -> "AudioFile | None":
        """Return the file of which this is a part; None if it is all of it."""
        return None if self.parts == 1 else AudioFile(self.path)

    def cut(self, samples: np.ndarray) -> np.ndarray:
        """Return this part of the file's samples."""
        return samples[len(samples) * self.part // self.parts : len(samples) * (self.part + 1) // self.parts]


def audio_file(root: Path, name: str) -> AudioFile:
    """Return the file, or the part of one, that has a name below a folder."""
    path, part, parts = split_name(name)
    return AudioFile(root / path, part, parts)
