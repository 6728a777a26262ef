"""Interface of an open sound, and the endings of files that are one."""

import os
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

_SNDFILE = frozenset({".wav", ".flac", ".mp3", ".au", ".aif", ".aiff"})
_OGG = frozenset({".ogg", ".oga", ".opus"})  # libsndfile reads most of them
_CODECS = frozenset({".m4a", ".aac", ".webm", ".wma"})
SUFFIXES = _SNDFILE | _OGG | _CODECS
UNKNOWN_FRAMES = 2**63 - 1  # the length that libsndfile gives a FLAC stream that does not state one

# Beginnings of containers, and where they stand: MP4, Matroska and WebM, ASF, Ogg; ADTS is known by its first 12 bits.
_BEGINNINGS = ((4, b"ftyp"), (0, b"\x1a\x45\xdf\xa3"), (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), (0, b"OggS"))


class DecodingError(ValueError):
    """A file that cannot be decoded; its text is the reason, without the path."""


class MissingDecoderError(DecodingError):
    """A file whose decoder is not installed."""


class OpenSound(Protocol):
    """Open audio file, as `soundfile.SoundFile` is one.

    `frames` is the length that its header states, in samples; `subtype` names how they are coded.
    """

    samplerate: int
    frames: int
    format: str
    subtype: str
    extra_info: str

    def read(self, frames: int, dtype: str, always_2d: bool) -> np.ndarray:
        """Return the next samples, `(frames, channels)` float32; fewer at the end."""
        ...

    def seek(self, frames: int) -> int:
        """Go to a sample, counted from 0."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: object) -> None: ...


def suffix_of(file: str | Path | BinaryIO) -> str:
    """Return the ending of a file's name in small letters; empty for one that is open as bytes."""
    return os.path.splitext(file)[1].lower() if isinstance(file, str | Path) else ""


def of_codecs(name: str | Path) -> bool:
    """Return True if the ending of a name is of files that libsndfile does not read."""
    return suffix_of(name) in _CODECS


def may_be_of_codecs(name: str | Path) -> bool:
    """Return True if it depends on the extra `codecs` whether a file of this name is decoded."""
    return suffix_of(name) in _CODECS | _OGG


def is_container(file: str | Path | BinaryIO) -> bool:
    """Return True if a file begins as one that FFmpeg reads."""
    if isinstance(file, str | Path):
        with open(file, "rb") as opened:
            head = opened.read(16)
    else:
        file.seek(0)
        head = file.read(16)
        file.seek(0)
    adts = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    return adts or any(head[place : place + len(text)] == text for place, text in _BEGINNINGS)
