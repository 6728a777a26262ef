"""Alignment of arrays in memory, which decides how fast a kernel goes through them."""

from math import prod

import numpy as np

CACHE_LINE = 64  # bytes; as many as a vector of AVX-512
APART = 256  # bytes between arrays of power-of-two sizes, which would else compete for the same places in a cache


def aligned(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """Return an uninitialised array of `shape` whose first byte is at the beginning of a cache line.

    numpy usually starts 16 bytes later, and every load of a vector would cross two lines.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    buffer = np.empty(size + CACHE_LINE, np.uint8)
    start = -buffer.ctypes.data % CACHE_LINE
    return buffer[start : start + size].view(dtype).reshape(shape)
