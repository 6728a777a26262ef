"""Writing large new files past the page cache, while the next part is computed."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from errno import EINVAL
from functools import cache
from mmap import mmap
from pathlib import Path

from stores.positioned import ALIGNMENT, set_direct

BUFFER_BYTES = 256 * ALIGNMENT


@cache
def writer() -> Executor:
    """Return the thread of this process that waits for the disk."""
    return ThreadPoolExecutor(1, "writer")


class DirectFile:
    """New file that is written from its start to its end.

    Shards are written once and read much later, so the page cache would only copy them, and throw out what others
    keep there. Where the system knows no direct writes, these are ordinary ones. One buffer is written while the other
    is filled; an error there is raised by a later `write` or by `finish`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._filling, self._waiting = mmap(-1, BUFFER_BYTES), mmap(-1, BUFFER_BYTES)  # mappings are aligned
        self._filled = 0
        self._writing: Future[None] | None = None
        self._set_direct(True)

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data).cast("B")
        while len(view):
            part = view[: BUFFER_BYTES - self._filled]
            self._filling[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            view = view[len(part) :]
            if self._filled == BUFFER_BYTES:
                self._flush()

    def finish(self) -> None:
        """Wait until all is written; fsync makes it durable."""
        self._flush()
        self._wait()

    def _flush(self) -> None:
        self._wait()
        self._filling, self._waiting = self._waiting, self._filling
        self._writing = writer().submit(self._write, self._filled)
        self._filled = 0

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def _write(self, count: int) -> None:
        with memoryview(self._waiting) as buffer, buffer[:count] as view:
            written = 0
            while written < count:
                if (count - written) % ALIGNMENT:  # the end of the file, or a disk that took a part
                    self._set_direct(False)
                try:
                    written += os.write(self._descriptor, view[written:])
                except OSError as error:
                    if error.errno != EINVAL or not self._direct:
                        raise
                    self._set_direct(False)  # some file systems agree to direct writes and then refuse each

    def _set_direct(self, on: bool) -> None:
        self._direct = on
        set_direct(self._descriptor, on)


@contextmanager
def writing(path: Path) -> Iterator[DirectFile]:
    """Open a new `DirectFile`, and finish it when the block ends without an error."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        file = DirectFile(descriptor)
        yield file
        file.finish()
    finally:
        writer().submit(os.close, descriptor).result()  # after a write that is still going on
