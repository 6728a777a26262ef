"""Decoding of audio files to mono float32, whole or block by block."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from blake3 import blake3

from features.codecs.sound import CodecSound
from features.decoding import UNKNOWN_FRAMES, OpenSound, is_container, of_codecs

BLOCK_FRAMES = 1 << 18


def open_sound(file: str | Path | BinaryIO) -> OpenSound:
    """Open a file, by its path or open as bytes, for decoding: by libsndfile, or by FFmpeg what it does not read.

    Where its length is unknown it is read forwards only: libsndfile cannot seek in it.

    Raises `soundfile.SoundFileError` or `DecodingError` when it cannot be decoded.
    """
    if isinstance(file, str | Path) and of_codecs(file):
        return CodecSound(file)
    try:
        sound = soundfile.SoundFile(file)
    except soundfile.SoundFileError:
        if is_container(file):
            return CodecSound(file)
        raise
    if sound.frames == UNKNOWN_FRAMES:
        sound.seekable = lambda: False  # soundfile would seek to where reading has got to
    return sound


def mono(samples: np.ndarray) -> np.ndarray:
    """Return the mean over channels: `(samples, channels)` float32 to `(samples,)` float32."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def blocks(sound: OpenSound) -> Iterator[np.ndarray]:
    """Yield mono float32 blocks `(samples,)` of an open file at its own rate, in bounded memory.

    Ends where decoding ends, whatever length the header states (`SoundFile.blocks` would repeat its last block).
    """
    while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        yield mono(block)


def decode(file: str | Path | BinaryIO) -> tuple[np.ndarray, int]:
    """Decode a file, by its path or open as bytes, to mono float32 `(samples,)` and its rate in Hz.

    In blocks, since the last bits that an MP3 decoder gives depend on how it is read. Raises
    `soundfile.SoundFileError` or `DecodingError` when the file cannot be decoded.
    """
    with open_sound(file) as sound:
        return join_blocks(blocks(sound)), sound.samplerate


def join_blocks(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Concatenate blocks to one array `(samples,)` float32."""
    return np.concatenate([np.zeros(0, np.float32), *parts])


def resample(samples: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """Resample `(samples,)`, at least one, band-limited by libsoxr's HQ recipe (20 bit)."""
    if from_hz == to_hz:
        return samples
    resampled = soxr.resample(samples, from_hz, to_hz, quality="HQ")
    return resampled if len(resampled) else samples[:1]  # shorter than one sample at the new rate


def resampled_length(samples: int, from_hz: float, to_hz: float) -> int:
    """Return how many samples `resample` makes of so many; halves are rounded as by libsoxr."""
    return samples if from_hz == to_hz else max(1, int(samples / (from_hz / to_hz) + 0.5))


def resample_blocks(parts: Iterable[np.ndarray], from_hz: float, to_hz: float) -> Iterator[np.ndarray]:
    """Resample blocks `(samples,)` float32 one after the other; together they are what `resample` gives for all."""
    if from_hz == to_hz:
        yield from parts
        return
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    longest = max(1, int(BLOCK_FRAMES * from_hz / to_hz))  # of few samples at a low rate many are made
    for part in parts:
        for start in range(0, len(part), longest):
            yield stream.resample_chunk(part[start : start + longest])
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


class ContentHash:
    """Hash of the input of the features: mono float32 samples at the file's own rate.

    A WAV file and its FLAC twin, or a file with edited tags, hash alike. 16 bytes of BLAKE3 over the rate in Hz
    (little-endian int64) and the samples (little-endian float32).
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._hash = blake3(sample_rate_hz.to_bytes(8, "little"))

    def update(self, samples: np.ndarray) -> None:
        self._hash.update(np.ascontiguousarray(samples, dtype="<f4").view(np.uint8).data)

    def digest(self) -> bytes:
        return self._hash.digest(16)


def content_hash(samples: np.ndarray, sample_rate_hz: int) -> bytes:
    """Return the `ContentHash` of mono float32 `(samples,)` at `sample_rate_hz`: 16 bytes."""
    hasher = ContentHash(sample_rate_hz)
    hasher.update(samples)
    return hasher.digest()
