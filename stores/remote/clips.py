"""Clips of a shard in object storage, fetched by ranges and kept in the local cache."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import google_crc32c
import numpy as np

from stores.clips.base import as_bytes, copy_of
from stores.errors import StoreError
from stores.layout import ArraySpec
from stores.remote.cache import Cache, CachedShard
from stores.remote.objects import FETCHES, PUSH, REPLACE, Objects


class RemoteClips:
    """Reader of one shard. Every clip that comes over the network or out of the cache is compared with its checksum.

    Parameters
    ----------
    objects : Objects
        Those of the store.
    name : str
        Name of the shard's object.
    spec : ArraySpec
    places : array of int64, shape (clips, 2)
        Offset and size in bytes of each clip in the object.
    checksums : callable
        Returns the CRC32C of each clip as it is stored; called once something is read.
    open_cached : callable
        Returns the shard's place in the cache, anew where it has been removed; None if nothing is kept.
    cache : Cache or None
    pool : ThreadPoolExecutor
        Whose threads fetch what is announced.
    """

    def __init__(
        self,
        objects: Objects,
        name: str,
        spec: ArraySpec,
        places: np.ndarray,
        checksums: Callable[[], list[int]],
        open_cached: Callable[[], CachedShard] | None,
        cache: Cache | None,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._objects, self._name = objects, name
        self._spec, self._places, self._read_checksums = spec, places, checksums
        self._open_cached, self._cache, self._pool = open_cached, cache, pool
        self._checked = np.zeros(len(places), bool)  # in this process
        self._coming: dict[int, Future[np.ndarray]] = {}
        self._lock, self._reading = Lock(), Lock()
        self._checksums: list[int] | None = None
        self._kept = None if open_cached is None else open_cached()

    def _checksum(self, number: int) -> int:
        with self._reading:  # one thread reads them for all
            if self._checksums is None:
                self._checksums = self._read_checksums()
        return self._checksums[number]

    def read_into(self, number: int, values: np.ndarray) -> None:
        np.copyto(as_bytes(values), self.stored(number))

    def clip(self, number: int) -> np.ndarray:
        return copy_of(self, number, self._spec)

    def stored(self, number: int) -> np.ndarray:
        """Return the stored bytes of a clip, out of the cache or over the network."""
        with self._lock:
            future = self._coming.pop(number, None)
        if future is not None:
            return future.result()
        kept = self._held(number)
        return self._fetched(number) if kept is None else kept

    def address(self, number: int) -> int | None:
        if number in self._coming:  # whoever reads it takes it from there
            return None
        kept = self._held(number)
        return None if kept is None else int(kept.ctypes.data)

    def announce(self, number: int) -> None:
        """Begin to fetch a clip, unless it is there or on its way."""
        if self._held(number) is None:
            with self._lock:
                if number not in self._coming:
                    self._coming[number] = self._pool.submit(self._fetched, number)

    def _held(self, number: int) -> np.ndarray | None:
        """Return the bytes of a clip in the cache, if they are there and right."""
        kept = self._current()
        if kept is None or not kept.holds(number):
            return None
        stored = kept.stored(number)
        if not self._checked[number]:
            if google_crc32c.value(stored) != self._checksum(number):
                kept.forget(number)
                return None
            self._checked[number] = True
        return stored

    def _current(self) -> CachedShard | None:
        """Return the shard's place in the cache; a new one where it has been removed to make room."""
        kept = self._kept
        if kept is None or not kept.removed:
            return kept
        assert self._open_cached is not None
        with self._lock:
            if self._kept is kept:
                self._kept, self._checked = self._open_cached(), np.zeros_like(self._checked)
            return self._kept

    def _fetched(self, number: int) -> np.ndarray:
        """Return the bytes of a clip over the network, and keep them."""
        start, count = self._places[number].tolist()
        for _ in range(FETCHES):
            try:
                data = self._objects.get_range(self._name, start, count)
            except FileNotFoundError as error:
                raise StoreError(f"{error}; {PUSH}") from None
            if google_crc32c.value(data) == self._checksum(number):
                break
        else:
            raise StoreError(
                f"{self._objects.address}/{self._name}: clip {number} does not match its checksum; {REPLACE}"
            )
        if self._cache is not None and (kept := self._current()) is not None:
            try:
                kept.keep(number, data)
            except OSError as error:
                raise StoreError(
                    f"{kept.path}: the cache cannot be written ({error.strerror}); make room, or say cache_bytes=0"
                ) from None
            self._cache.wrote(count)
        return data
