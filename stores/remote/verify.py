"""Comparison of a store in object storage with its checksums."""

from collections.abc import Iterator

import google_crc32c
import numpy as np

from stores.errors import StoreError
from stores.files import digest
from stores.layout import ArraySpec
from stores.markers import Marker
from stores.reader import Store
from stores.remote.objects import Objects
from stores.remote.storage import RELATIVE, RemoteStorage
from stores.shard import equal_places, places_of_index


def is_shard(data: bytes, spec: ArraySpec, count: int, marker: Marker) -> bool:
    """Return True if these are the bytes of a shard of so many clips, as its marker tells."""
    if spec.compression:
        try:
            places = places_of_index(data[-spec.index_bytes :], len(data), spec, count, StoreError)
        except StoreError:
            return False
    else:
        places = equal_places(spec.clip_bytes, count)
    if len(data) != int(places.sum(axis=1).max()) + spec.index_bytes:
        return False
    memory = np.frombuffer(data, np.uint8)
    sums = [google_crc32c.value(memory[start : start + size]) for start, size in places.tolist()]
    return sums == list(marker["crc32c"])


def verify_remote(objects: Objects) -> Iterator[str]:
    """Yield a line for each object of a store that is missing or damaged.

    All names are compared with one listing before the first byte is read, and every byte is read once.
    """
    storage = RemoteStorage(objects, None, 0)
    store = Store(storage)
    names = [*store.manifest["files"], *(name for spec, shard, _ in shards_of(store) for name in names_of(spec, shard))]
    there = objects.sizes()
    missing = {name for name in names if name not in there}
    yield from (f"{objects.address}/{name}: this object is missing" for name in sorted(missing))

    def damaged(name: str, right: bool) -> Iterator[str]:
        if not right:
            yield f"{objects.address}/{name}: it does not match its checksum"

    for name, expected in store.manifest["files"].items():
        if name not in missing:
            yield from damaged(name, digest(objects.get(name)) == expected)
    for spec, shard, count in shards_of(store):
        tensors, statistics, marker_name = names_of(spec, shard)
        if missing & {tensors, statistics, marker_name}:
            continue
        try:
            marker = storage.marker(spec, shard)
        except StoreError:
            yield from damaged(marker_name, False)
            continue
        yield from damaged(tensors, is_shard(objects.get(tensors), spec, count, marker))
        sums = google_crc32c.value(objects.get(statistics))
        yield from damaged(statistics, sums == marker["statistics_crc32c"])


def shards_of(store: Store) -> Iterator[tuple[ArraySpec, int, int]]:
    """Yield the array, the number and the count of clips of each shard of a store."""
    for spec in store.specs.values():
        for shard, rows in enumerate(store.shards):
            yield spec, shard, len(rows)


def names_of(spec: ArraySpec, shard: int) -> tuple[str, str, str]:
    """Return the names of a shard's objects: its tensors, their statistics, and its marker."""
    paths = RELATIVE.shard(spec, shard), RELATIVE.statistics_chunk(spec, shard), RELATIVE.marker(spec.variant, shard)
    tensors, statistics, marker = (path.as_posix() for path in paths)
    return tensors, statistics, marker
