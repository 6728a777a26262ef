"""A local cache of what lies in object storage: sparse copies of shards, of limited size."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

import numpy as np

SWEEP_SHARE = 16  # part of the limit that is written between two looks at the size of the whole
KEPT_SHARE = 0.9  # of the limit, after the oldest have gone
HELD = ".held"  # a byte for each clip of the shard beside it


class CachedShard:
    """Sparse local copy of one shard. Threads and processes may fill and read it side by side.

    A clip is written before the byte that says that it is there. Whether what is there is right its checksum tells:
    a power cut may have kept the byte alone.

    Parameters
    ----------
    path : Path
    size : int
        Bytes up to the end of the last clip.
    clips : int
    """

    def __init__(self, path: Path, size: int, clips: int) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(self.descriptor).st_size < size:
            os.truncate(self.descriptor, size)
        held = path.with_name(path.name + HELD)
        with open(held, "ab"):
            pass
        if held.stat().st_size < clips:
            os.truncate(held, clips)
        os.utime(held)  # the least recently opened go first
        self.held: np.ndarray = np.memmap(held, np.uint8, "r+", shape=(clips,))

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def fileno(self) -> int:
        return self.descriptor

    @property
    def removed(self) -> bool:
        """True once another process, or this one, has removed the file to make room."""
        return os.fstat(self.descriptor).st_nlink == 0

    def write(self, number: int, start: int, data: memoryview) -> None:
        """Keep the bytes of a clip."""
        done = 0
        while done < len(data):
            done += os.pwrite(self.descriptor, data[done:], start + done)
        self.held[number] = 1

    def forget(self, number: int) -> None:
        """Have a clip fetched again."""
        self.held[number] = 0


class Cache:
    """Folder of cached files, of which the least recently opened go when it grows beyond its limit.

    Parameters
    ----------
    folder : Path
    limit_bytes : int
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder, self.limit_bytes = folder, limit_bytes
        self._written = limit_bytes  # so that the first write looks at what earlier processes have left
        self._lock = Lock()

    def wrote(self, count: int) -> None:
        """Note so many new bytes; make room if the limit may be passed."""
        with self._lock:
            self._written += count
            if self._written < self.limit_bytes // SWEEP_SHARE:
                return
            self._written = 0
        self.sweep()

    def sweep(self) -> None:
        """Remove the least recently opened files until the rest is within the limit. One process at a time does it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "sweep.lock", "wb") as lock, suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        if total <= self.limit_bytes:
            return
        for _, size, path in entries:
            if total <= KEPT_SHARE * self.limit_bytes:
                break
            held = path.with_name(path.name + HELD)
            path.unlink(missing_ok=True)  # first: without it the other means nothing
            held.unlink(missing_ok=True)
            total -= size

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """Yield time, bytes on the disk and path of each cached shard."""
        for held in self.folder.rglob(f"*{HELD}"):
            path = held.with_name(held.name.removesuffix(HELD))
            with suppress(FileNotFoundError):  # removed just now
                yield held.stat().st_mtime_ns, path.stat().st_blocks * 512, path
