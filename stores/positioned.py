"""Positioned reads: no place in a file is shared, so threads and forked processes read one file side by side."""

import mmap
import os
from errno import EINVAL
from pathlib import Path

import numpy as np

ALIGNMENT = 4096  # what direct access wants of addresses, lengths and offsets on all common disks


def page_aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros that begin with a page of memory, in large pages where the system has them."""
    count = int(np.prod(shape))
    memory = mmap.mmap(-1, max(1, count * dtype.itemsize))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype, count).reshape(shape)


class File:
    """A file open for reading, past the page cache if asked and possible; closed when nothing refers to it any more."""

    def __init__(self, path: Path, direct: bool) -> None:
        self.path = path
        flag = getattr(os, "O_DIRECT", 0) if direct else 0
        try:
            self._descriptor = os.open(path, os.O_RDONLY | flag)
        except OSError as error:
            if error.errno != EINVAL or not flag:
                raise
            self._descriptor = os.open(path, os.O_RDONLY)  # a file system in memory, or over a network

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read_into(self, offset: int, data: memoryview) -> int:
        """Fill `data` from `offset` on; returns how many bytes there were."""
        done = 0
        while done < len(data):
            count = os.preadv(self._descriptor, [data[done:]], offset + done)
            if not count:
                break
            done += count
        return done
