"""Positioned reads: no place in a file is shared, so threads and forked processes read one file side by side."""

import mmap
import os
from contextlib import suppress
from errno import EINVAL
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:  # not a Unix system
    fcntl = None  # type: ignore[assignment]

ALIGNMENT = 4096  # of addresses, lengths and offsets for direct access, on all common disks


def page_aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return zeros that begin with a page of memory, in large pages where the system has them."""
    count = int(np.prod(shape))
    memory = mmap.mmap(-1, max(1, count * dtype.itemsize))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            memory.madvise(mmap.MADV_HUGEPAGE)
        except OSError as error:
            if error.errno != EINVAL:  # which a kernel without large pages answers
                raise
    return np.frombuffer(memory, dtype, count).reshape(shape)


def set_direct(descriptor: int, on: bool) -> None:
    """Let accesses of an open file go past the page cache, or through it again, where the system can."""
    if fcntl is None or not hasattr(os, "O_DIRECT"):
        return
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    with suppress(OSError):  # a file system in memory, or over a network
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)


class File:
    """File open for reading, past the page cache if asked and possible; closed when nothing refers to it any more."""

    def __init__(self, path: Path, direct: bool = False) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY)
        self._direct = direct
        if direct:
            set_direct(self._descriptor, True)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    @property
    def size(self) -> int:
        """Bytes in the file as it is now."""
        return os.fstat(self._descriptor).st_size

    def read_into(self, offset: int, data: memoryview) -> int:
        """Fill `data` from `offset` on; return the number of bytes read, which is less at the end of the file.

        Where the system refuses to read past the page cache, into memory that is not aligned for that or on this file
        system, this file is read through it from then on.
        """
        done = 0
        while done < len(data):
            direct = self._direct
            try:
                count = os.preadv(self._descriptor, [data[done:]], offset + done)
            except OSError as error:
                if error.errno != EINVAL or not direct:
                    raise
                set_direct(self._descriptor, False)
                self._direct = False  # after that, or another thread would not know why its read was refused
                continue
            if not count:
                break
            done += count
        return done

    def announce(self, offset: int, count: int) -> None:
        """Let the system read a part that will be asked for soon."""
        if hasattr(os, "posix_fadvise") and not self._direct:
            os.posix_fadvise(self._descriptor, offset, count, os.POSIX_FADV_WILLNEED)
