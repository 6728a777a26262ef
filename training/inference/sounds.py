"""Sounds as blocks of mono float32 samples, checked as the index of a corpus checks them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from features.audio import BLOCK_FRAMES, blocks, mono
from features.faults import checked_blocks, open_checked, truncation

HIGHEST_RATE_HZ = 2**31 - 1


@contextmanager
def file_blocks(file: str | Path | BinaryIO) -> Iterator[tuple[Iterator[np.ndarray], int]]:
    """Open an audio file, by its path or open as bytes; its blocks, `(samples,)` float32 each, and its rate in Hz.

    Opening it or taking its blocks raises `FaultyError` where the index of a corpus would not take the file, and
    `OSError` where it cannot be read.
    """
    with open_checked(file) as sound:
        yield checked_blocks(blocks(sound), lambda decoded: truncation(sound, decoded)), sound.samplerate


def sample_blocks(samples: np.ndarray, rate_hz: int | None) -> tuple[Iterator[np.ndarray], int]:
    """Return samples `(samples,)` or `(samples, channels)` as mono blocks, and their rate.

    Taking the blocks raises `FaultyError` as those of a file do; `ValueError` is raised for what is no sound.
    """
    if rate_hz is None or not 1 <= rate_hz <= HIGHEST_RATE_HZ or int(rate_hz) != rate_hz:
        raise ValueError(f"rate_hz: expected the sample rate of the samples in whole Hz, got {rate_hz!r}")
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples: expected floats in ±1, got {samples.dtype}; divide integers by their full scale")
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not samples.shape[1]):
        raise ValueError(f"samples: expected the shape (samples,) or (samples, channels), got {samples.shape}")
    return checked_blocks(_mono_blocks(samples)), int(rate_hz)


def _mono_blocks(samples: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(samples), BLOCK_FRAMES):
        with np.errstate(over="ignore"):  # infinite samples are told as such
            block = samples[start : start + BLOCK_FRAMES].astype(np.float32)
        yield block if block.ndim == 1 else mono(block)
