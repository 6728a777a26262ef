"""A store in object storage, with a local cache."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.clips import ClipReader, PackedClips
from stores.errors import StoreError
from stores.files import digest, parse_checked, replacing
from stores.layout import ArraySpec, Layout, shard_ranges
from stores.remote.cache import Cache, CachedShard
from stores.remote.clips import RemoteClips
from stores.remote.objects import FETCHES, PUSH, REPLACE, Objects
from stores.shard import equal_places, places_of_index
from stores.storage import Manifest

IN_FLIGHT = 64  # requests of a process
RELATIVE = Layout(Path())  # whose paths are the names of objects


class RemoteStorage:
    """Storage of a store whose files are objects below an address.

    Parameters
    ----------
    objects : Objects
    cache_folder : Path or None
        None keeps nothing.
    cache_bytes : int
        Size of the cache, which is shared by all stores and processes; nothing is kept with 0.
    """

    fetches: ClassVar[bool] = True

    def __init__(self, objects: Objects, cache_folder: Path | None, cache_bytes: int) -> None:
        self.objects, self._cache_folder, self._cache_bytes = objects, cache_folder, cache_bytes
        self._cache = None if cache_folder is None or not cache_bytes else Cache(cache_folder, cache_bytes)

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteStorage, (self.objects, self._cache_folder, self._cache_bytes)

    @property
    def path(self) -> str:
        return self.objects.address

    @cached_property
    def _folder(self) -> Path | None:
        """Folder of the cache for this store, by its identity."""
        return None if self._cache is None else self._cache.folder / "stores" / self.manifest()["identity"]

    def manifest(self) -> Manifest:
        return self._manifest

    @cached_property
    def _manifest(self) -> Manifest:
        try:
            data = self._fetched(RELATIVE.manifest.as_posix(), _is_checked)
        except FileNotFoundError:
            raise StoreError(f"{self.path}: no complete store: it has no {RELATIVE.manifest}") from None
        return parse_checked(data) or {}

    def rows(self, manifest: Manifest) -> pa.Table:
        name = RELATIVE.rows.as_posix()
        data = self.whole(name, lambda data: digest(data) == manifest["files"][name])
        return pq.read_table(pa.BufferReader(data))

    def statistics(self, spec: ArraySpec, clips: int) -> np.ndarray:
        size = int(np.prod((spec.clips_per_shard, *spec.statistics_shape)))

        def chunk(shard: int) -> np.ndarray:
            def right(data: bytes) -> bool:
                same = google_crc32c.value(data) == self.marker(spec, shard)["statistics_crc32c"]
                return same and len(data) == size * 8

            return np.frombuffer(self.whole(RELATIVE.statistics_chunk(spec, shard).as_posix(), right), "<f8")

        shards = range(len(shard_ranges(clips, spec.clips_per_shard)))
        parts = np.stack(list(pool(os.getpid()).map(chunk, shards)))
        return parts.reshape(-1, *spec.statistics_shape)[:clips]

    def clips_per_file(self, manifest: Manifest) -> int:
        return int(manifest["clips_per_shard"])

    def open_clips(self, spec: ArraySpec, file: int, clips: int) -> ClipReader:
        count = min(spec.clips_per_shard, clips - file * spec.clips_per_shard)
        name = RELATIVE.shard(spec, file).as_posix()
        places = self.places(spec, name, count)

        def open_cached() -> CachedShard:
            assert self._folder is not None
            return CachedShard(self._folder / name, places)

        reader = RemoteClips(
            self.objects,
            name,
            spec,
            places,
            lambda: list(self.marker(spec, file)["crc32c"]),
            None if self._cache is None else open_cached,
            self._cache,
            pool(os.getpid()),
        )
        return PackedClips(reader, spec, Path(name)) if spec.compression else reader

    def places(self, spec: ArraySpec, name: str, count: int) -> np.ndarray:
        """Return offset and byte count of each clip in a shard's object, `(count, 2)` int64."""
        if not spec.compression:
            return equal_places(spec.clip_bytes, count)
        index, size = self.objects.get_end(name, spec.index_bytes)
        return places_of_index(index, size, spec, count, partial(self._damaged, name))

    def marker(self, spec: ArraySpec, shard: int) -> dict[str, Any]:
        """Return the marker of a shard. Raises `StoreError` where it is missing or damaged."""
        name = RELATIVE.marker(spec.variant, shard).as_posix()
        return parse_checked(self.whole(name, _is_checked)) or {}

    def _damaged(self, name: str, what: str = "it does not match its checksum") -> StoreError:
        return StoreError(f"{self.path}/{name}: {what}; {REPLACE}")

    def _fetched(self, name: str, right: Callable[[bytes], bool]) -> bytes:
        """Return a whole object over the network. Raises `StoreError` where it does not pass a check."""
        for _ in range(FETCHES):
            if right(data := self.objects.get(name)):
                return data
        raise self._damaged(name)

    def whole(self, name: str, right: Callable[[bytes], bool]) -> bytes:
        """Return a whole object that passes a check, out of the cache or over the network.

        Raises `StoreError` where it is missing or does not pass.
        """
        kept = None if self._folder is None else self._folder / name
        if kept is not None and kept.is_file() and right(data := kept.read_bytes()):
            return data
        try:
            data = self._fetched(name, right)
        except FileNotFoundError as error:
            raise StoreError(f"{error}; {PUSH}") from None
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept) as file:
                file.write(data)
        return data


def _is_checked(data: bytes) -> bool:
    return parse_checked(data) is not None


@cache
def pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process that wait for requests; those of another one do not outlive a fork."""
    return ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="otogura-remote")
