"""Stores in object storage that hold tensors which another one lacks."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa

from stores.errors import StoreError
from stores.held import decoded, statistics_of
from stores.layout import ArraySpec
from stores.markers import Marker, written_with
from stores.remote.objects import Objects
from stores.remote.storage import RELATIVE, RemoteStorage, pool
from stores.remote.verify import names_of
from stores.reuse import content_of, spec_of


@dataclass(frozen=True)
class RemoteHeldShard:
    """Shard of one variant in a store in object storage.

    Attributes
    ----------
    objects : Objects
        Those of the store.
    spec : ArraySpec
    shard : int
    whole : bool
        True if all its objects are there, as a listing told.
    """

    objects: Objects
    spec: ArraySpec
    shard: int
    whole: bool

    @property
    def names(self) -> tuple[str, str, str]:
        """Return the names of its tensors, their statistics, and its marker."""
        return names_of(self.spec, self.shard)

    def finished_marker(self, content_hashes: Sequence[str]) -> Marker | None:
        try:
            marker = self._marker if self.whole else None
        except StoreError:
            return None
        return marker if marker is not None and marker["key"] == self.spec.shard_key(content_hashes) else None

    def read(self, slot: int) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        start, count = self._places[slot].tolist()
        data = self.objects.get_range(self.names[0], start, count)
        if google_crc32c.value(data) != self._marker["crc32c"][slot]:
            raise StoreError(f"{self.objects.address}/{self.names[0]}: clip {slot} does not match its checksum")
        return decoded(data, self.spec), self._statistics[slot], written_with(self._marker)

    @cached_property
    def _storage(self) -> RemoteStorage:
        return RemoteStorage(self.objects, None, 0)

    @cached_property
    def _marker(self) -> Marker:
        return self._storage.marker(self.spec, self.shard)

    @cached_property
    def _places(self) -> np.ndarray:
        return self._storage.places(self.spec, self.names[0], len(self._marker["crc32c"]))

    @cached_property
    def _statistics(self) -> np.ndarray:
        expected = self._marker["statistics_crc32c"]
        chunk = self._storage.whole(self.names[1], lambda data: google_crc32c.value(data) == expected)
        return statistics_of(chunk, self.spec)


@dataclass(frozen=True)
class RemoteDonor:
    """Store in object storage, as a donor."""

    objects: Objects
    specs: Mapping[str, ArraySpec]

    @property
    def path(self) -> str:
        return self.objects.address

    def content(self) -> pa.Array:
        return content_of(pa.BufferReader(self.objects.get(RELATIVE.rows.as_posix())))

    def held(self, variant: str, number: int) -> RemoteHeldShard:
        spec = self.specs[variant]
        return RemoteHeldShard(self.objects, spec, number, shard_is_there(self._sizes.get, spec, number))

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return self.objects.sizes()


def shard_is_there(size_of: Callable[[str], int | None], spec: ArraySpec, shard: int) -> bool:
    """Return True if the objects of a shard are there, by their sizes. Each is written whole, or not at all.

    The marker is looked up first: a shard that nobody has begun has none.
    """
    tensors, statistics, marker = names_of(spec, shard)
    if size_of(marker) is None or size_of(tensors) is None:
        return False
    return size_of(statistics) == spec.statistics_bytes


def remote_donors(root: Objects, specs: Sequence[ArraySpec]) -> list[RemoteDonor]:
    """Return the stores below an address that hold arrays of the same identities as those to be written."""
    by_identity = {spec.identity: spec for spec in specs}
    threads = pool(os.getpid())
    stores = [store for family in root.folders() for store in root.folders(family)]
    arrays = [array for some in threads.map(lambda store: _arrays(root, store), stores) for array in some]
    found: dict[str, dict[str, ArraySpec]] = {}
    for array, metadata in zip(arrays, threads.map(lambda array: _metadata(root, array), arrays), strict=True):
        store, _, variant = array.rsplit("/", 2)
        try:
            spec = spec_of(metadata, variant, by_identity)
        except (KeyError, AttributeError, TypeError):  # of another form, which is no reason to build nothing
            continue
        if spec is not None:
            found.setdefault(store, {})[by_identity[spec.identity].variant] = spec
    return [RemoteDonor(root.below(store), arrays) for store, arrays in found.items()]


def _arrays(root: Objects, store: str) -> list[str]:
    return [array for array in root.folders(f"{store}/{RELATIVE.group.name}") if not array.endswith("/statistics")]


def _metadata(root: Objects, array: str) -> Any:
    try:
        return json.loads(root.get(f"{array}/zarr.json"))
    except (FileNotFoundError, ValueError):
        return None
