"""Interface of recordings, which know the place of their samples and how to decode them, and names of their parts."""

import re
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

import numpy as np

from features.decoding import of_codecs

_PART = re.compile(r"(?s)(.+)\[(\d+)/(\d+)\]")  # of a recording, as the end of its name
_SEGMENT = re.compile(r"(?s)(.+)\[(-?\d+(?:\.\d+)?)s:(?:(-?\d+(?:\.\d+)?)s)?\]")
_ROW = re.compile(r"(?s)(.+\.parquet)#(\d+)")  # of a Parquet file
_DECIMALS = 9  # of seconds in names: a nanosecond


class Recording(Protocol):
    """Mono sound that can be decoded; its text is its name in messages.

    A frozen dataclass of paths and numbers implements it, since recordings are sent to other processes.
    """

    @property
    def path(self) -> Path:
        """Return the file that it is in."""
        ...

    def decode(self) -> tuple[np.ndarray, int]:
        """Return the samples, `(samples,)` float32, and their rate in Hz.

        A ready-made spectrogram returns its values in the place of samples, and a rate of 0.

        Raises
        ------
        ValueError, OSError
            If the recording cannot be decoded any more, or is no longer there.
        """
        ...


@runtime_checkable
class Part(Recording, Protocol):
    """Part of a longer recording, which is decoded once for all parts of it that follow each other."""

    @property
    def longer(self) -> Recording | None:
        """Return the longer recording; None for a recording that is no part."""
        ...

    def cut(self, samples: np.ndarray) -> np.ndarray:
        """Return this part of the samples of the longer recording."""
        ...


@runtime_checkable
class Segment(Recording, Protocol):
    """Segment of a file from one second to another, of which only those samples are held in memory."""

    @property
    def is_whole(self) -> bool:
        """Return True if it is all of the file."""
        ...

    @property
    def whole(self) -> Recording:
        """Return the file as a recording; it is equal for all segments of it."""
        ...

    def encoded(self) -> Path | BinaryIO:
        """Return what is decoded: the path of the file, or its bytes where it lies inside another one."""
        ...

    def span(self, rate_hz: int, frames: int | None = None) -> tuple[int, int]:
        """Return its first sample, and the one after its last, at the rate of the file.

        With the true length of the file in samples, an equal part of a segment has a span of its own; without, that of
        the segment.
        """
        ...


@runtime_checkable
class Packed(Recording, Protocol):
    """Recording inside a file of many, whose ending does not tell how the sound is encoded."""

    @property
    def by_codecs(self) -> bool:
        """Return True if it is decoded by the extra `codecs`."""
        ...


def decoded_by_codecs(recording: Recording) -> bool:
    """Return True if a recording is decoded by the extra `codecs`."""
    return recording.by_codecs if isinstance(recording, Packed) else of_codecs(recording.path)


def part_name(name: str, part: int, parts: int) -> str:
    """Return the name of a part of a recording, `name[2/3]`; of the only part, the name itself."""
    return name if parts == 1 else f"{name}[{part + 1}/{parts}]"


def split_name(name: str) -> tuple[str, int, int]:
    """Return the name of a recording, the part of it that is named, counted from 0, and the number of its parts."""
    if match := _PART.fullmatch(name):
        return match[1], int(match[2]) - 1, int(match[3])
    return name, 0, 1


def whole_name(name: str) -> str:
    """Return the name of the recording that this is, or is an equal part of."""
    return split_name(name)[0] if name.endswith("]") else name


def segment_name(path: str, start_s: float, end_s: float | None) -> str:
    """Return the name of a segment of a file, `path[1.5s:3s]` or, to its end, `path[1.5s:]`; of all of it, its path."""
    if start_s == 0 and end_s is None:
        return path
    return f"{path}[{_seconds(start_s)}s:{'' if end_s is None else _seconds(end_s) + 's'}]"


def split_segment(name: str) -> tuple[str, float, float | None]:
    """Return the file of a segment, and where it begins and ends, in seconds; None for the end of the file."""
    if match := _SEGMENT.fullmatch(name):
        return match[1], float(match[2]), None if match[3] is None else float(match[3])
    return name, 0.0, None


def row_name(path: str, row: int) -> str:
    """Return the name of a row of a Parquet file, `path.parquet#12`."""
    return f"{path}#{row}"


def split_row(name: str) -> tuple[str, int | None]:
    """Return the Parquet file of a row that has this name, and the row, counted from 0; None where it names none."""
    if match := _ROW.fullmatch(name):
        return match[1], int(match[2])
    return name, None


def file_name(name: str) -> str:
    """Return the file that a recording is in, which may be a segment or an equal part of one."""
    return split_segment(whole_name(name))[0] if name.endswith("]") else name


def _seconds(value: float) -> str:
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
