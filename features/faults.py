"""Faults that keep a recording from being used, in the words of the index."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from features.audio import blocks, join_blocks, open_sound
from features.decoding import SUFFIXES, UNKNOWN_FRAMES, DecodingError, OpenSound, suffix_of

SILENT_PEAK = 1e-4  # 80 dB below full scale
LOUDEST_PEAK = 1e6  # far beyond any recording, and far below where float32 power overflows

# libsndfile cuts these formats to what is there and notes in its log what the header had stated.
_SHORTER = re.compile(r"^\s*(?:data|Data Size|SSND)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
# A writer that streams does not know the length and states one of these, or 0.
_UNKNOWN_LENGTH = 0x7FFFF000
# Their headers overstate lengths by habit; what decodes is the truth.
_LOSSY = frozenset({"MP3", "OGG"})
# What libsndfile says where something else is meant.
_IN_WORDS = {
    "File does not exist or is not a regular file (possibly a pipe?)": "no frame of MPEG audio in it can be decoded",
    "Internal psf_fseek() failed": "the decoder finds no place in it to go on from",
}


class FaultyError(ValueError):
    """A recording that cannot be used; its text is the reason, without the path."""


@dataclass
class Levels:
    """Count and range of samples, updated block by block."""

    samples: int = 0
    lowest: float = inf
    highest: float = -inf

    @classmethod
    def of(cls, samples: np.ndarray) -> "Levels":
        """Return the levels of `(samples,)`."""
        levels = cls()
        levels.update(samples)
        return levels

    def update(self, block: np.ndarray) -> None:
        if len(block):
            self.samples += len(block)
            self.lowest = float(np.minimum(self.lowest, block.min()))  # which keep a NaN, as min and max do not
            self.highest = float(np.maximum(self.highest, block.max()))

    @property
    def finite(self) -> bool:
        return not self.samples or (isfinite(self.lowest) and isfinite(self.highest))


@contextmanager
def open_checked(file: str | Path | BinaryIO) -> Iterator[OpenSound]:
    """Open a recording, by its path or open as bytes, for decoding, and close it when the block ends.

    Raises `FaultyError` where it cannot be decoded, also while it is open, or where its header states more than is
    there, and `OSError` where the file cannot be read.
    """
    if _is_empty(file):
        raise FaultyError("empty file")
    try:
        sound = open_sound(file)
    except DecodingError as error:
        raise FaultyError(f"undecodable: {error}") from None
    except (soundfile.SoundFileError, TypeError, ValueError) as error:  # the latter for .raw, which needs parameters
        raise _undecodable(error, file) from None
    with sound:
        if sound.format == "RAW":  # which libsndfile takes an .au file without a header for
            raise FaultyError("undecodable: it has no header that states its format and rate")
        if sound.format not in _LOSSY and (cut := _SHORTER.search(sound.extra_info)):
            stated, present = int(cut[1]), int(cut[2])
            if present < stated < _UNKNOWN_LENGTH:
                raise FaultyError(f"truncated: the header states {stated} bytes of samples, {present} are there")
        try:
            yield sound
        except DecodingError as error:
            raise FaultyError(f"undecodable: {error}") from None
        except soundfile.SoundFileError as error:
            raise _undecodable(error, file) from None


def decode_checked(path: str | Path) -> tuple[np.ndarray, int]:
    """Decode a file as `features.audio.decode` does, if the index would take it.

    Raises `FaultyError` with the reason that the index would give, and `OSError` where the file cannot be read.
    """
    with open_checked(path) as sound:
        samples = join_blocks(blocks(sound))
        if reason := fault_of(Levels.of(samples), truncated=truncation(sound, len(samples))):
            raise FaultyError(reason)
        return samples, sound.samplerate


def checked_blocks(
    parts: Iterable[np.ndarray], truncated: Callable[[int], str] = lambda decoded: ""
) -> Iterator[np.ndarray]:
    """Yield blocks of a recording. Raises `FaultyError` once one shows, or the end, that the index would not take it.

    `truncated` returns the reason why a recording of so many samples is incomplete, as `truncation` does.
    """
    levels = Levels()
    for part in parts:
        levels.update(part)
        if not levels.finite:
            break
        yield part
    if reason := fault_of(levels, truncated=truncated(levels.samples)):
        raise FaultyError(reason)


def truncation(sound: OpenSound, decoded: int) -> str:
    """Return the reason why a file of which that many samples decode is incomplete; empty if it is complete."""
    if sound.format in _LOSSY or sound.frames == UNKNOWN_FRAMES or decoded >= sound.frames:
        return ""
    return f"truncated: the header states {sound.frames} samples, {decoded} decode"


def fault_of(levels: Levels, refuse_silence: bool = False, truncated: str = "") -> str:
    """Return the reason why a recording of these levels cannot be used; empty if it can be."""
    if not levels.finite:
        return "NaN or infinite samples"
    if truncated or not levels.samples:
        return truncated or "no samples"
    peak = max(abs(levels.lowest), abs(levels.highest))
    if peak > LOUDEST_PEAK:
        return f"samples of up to {peak:.2g} times full scale"
    if refuse_silence and (levels.highest - levels.lowest) / 2 < SILENT_PEAK:
        return "silent" if peak < SILENT_PEAK else f"silent beside a constant {levels.highest:.2g}"
    return ""


def _is_empty(file: str | Path | BinaryIO) -> bool:
    """Return True if there is nothing in a file. Raises `OSError`, as libsndfile does not, where it cannot be read."""
    if isinstance(file, str | Path):
        with open(file, "rb") as opened:
            return not opened.read(1)
    empty = not file.read(1)
    file.seek(0)
    return empty


def _undecodable(error: Exception, file: str | Path | BinaryIO) -> FaultyError:
    """Return an error in libsndfile's words, or better ones, without the path, which stands beside the reason."""
    if isinstance(file, str | Path) and (suffix := suffix_of(file)) not in SUFFIXES:
        named = f"files that end in {suffix}" if suffix else "files without an ending"
        return FaultyError(f"undecodable: {named} are not decoded; expected {', '.join(sorted(SUFFIXES))}")
    text = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
    text = text.removeprefix("Error : ").strip().rstrip(".")
    return FaultyError(f"undecodable: {_IN_WORDS.get(text, text)}")
