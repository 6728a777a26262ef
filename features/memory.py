"""Alignment of arrays in memory, which decides how fast a kernel goes through them."""

from math import prod

import numpy as np

CACHE_LINE = 64  # bytes; as many as a vector of AVX-512
APART = 256  # bytes between arrays of power-of-two sizes, which would else compete for the same places in a cache


def aligned(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """Return an uninitialised array that begins with a cache line.

    numpy's begin 16 bytes past one as a rule, so that every vector would lie across two lines.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    buffer = np.empty(size + CACHE_LINE, np.uint8)
    start = -buffer.ctypes.data % CACHE_LINE
    return buffer[start : start + size].view(dtype).reshape(shape)
