"""A local cache of what lies in object storage: sparse copies of shards, of limited size."""

import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

import numpy as np

SWEEP_SHARE = 16  # part of the limit that is written between two looks at the size of the whole
KEPT_SHARE = 0.9  # of the limit, after the oldest have gone
LOOK_EVERY_S = 1.0  # whether a file is still there; a look for each clip takes a twentieth of the time of an epoch
SUFFIX = ".cached"


class CachedShard:
    """Sparse local copy of one shard. Threads and processes may fill and read it side by side.

    The file ends with a byte for each clip, which says that it is there and is written after it. Whether what is there
    is right its checksum tells: a power cut may have kept that byte alone. A shard holds one file descriptor.

    Parameters
    ----------
    path : Path
    places : array of int64, shape (clips, 2)
        Offset and size in bytes of each clip in the shard.
    """

    def __init__(self, path: Path, places: np.ndarray) -> None:
        self.path = path.with_name(path.name + SUFFIX)
        self._places, self._end = places, int(places.sum(axis=1).max())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+b") as file:
            if os.fstat(file.fileno()).st_size < self._end + len(places):
                os.truncate(file.fileno(), self._end + len(places))
            os.utime(file.fileno())  # the least recently opened go first
            self._inode = os.fstat(file.fileno()).st_ino
            self._map = mmap.mmap(file.fileno(), self._end + len(places), access=mmap.ACCESS_READ)
        self._memory = np.frombuffer(self._map, np.uint8)
        self._look_at_s = 0.0

    @property
    def removed(self) -> bool:
        """True once another process, or this one, has removed the file to make room; looked up now and then."""
        if (now := time.monotonic()) < self._look_at_s:
            return False
        self._look_at_s = now + LOOK_EVERY_S
        try:
            return os.stat(self.path).st_ino != self._inode
        except FileNotFoundError:
            return True

    def holds(self, number: int) -> bool:
        """Return True if a clip has been kept."""
        return bool(self._memory[self._end + number])

    def stored(self, number: int) -> np.ndarray:
        """Return the bytes of a clip that is there, `(bytes,)` uint8."""
        start, count = self._places[number].tolist()
        return self._memory[start : start + count]

    def keep(self, number: int, data: np.ndarray) -> None:
        """Keep the bytes of a clip, unless the file has been removed just now."""
        with suppress(FileNotFoundError), open(self.path, "r+b", buffering=0) as file:
            done, start = 0, self._places.item(number, 0)
            while done < len(data):
                done += os.pwrite(file.fileno(), data[done:].data, start + done)
            os.pwrite(file.fileno(), b"\1", self._end + number)

    def forget(self, number: int) -> None:
        """Have a clip fetched again."""
        with suppress(FileNotFoundError), open(self.path, "r+b", buffering=0) as file:
            os.pwrite(file.fileno(), b"\0", self._end + number)


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
            entries = sorted(self._entries())
            total = sum(size for _, size, _ in entries)
            kept = self.limit_bytes if total <= self.limit_bytes else KEPT_SHARE * self.limit_bytes
            for _, size, path in entries:
                if total <= kept:
                    break
                path.unlink(missing_ok=True)
                total -= size

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """Yield time, bytes on the disk and path of each cached shard."""
        for path in self.folder.rglob(f"*{SUFFIX}"):
            with suppress(FileNotFoundError):  # removed just now
                status = path.stat()
                yield status.st_mtime_ns, status.st_blocks * 512, path
