"""A store as a folder: Zarr arrays, a row table, markers and a manifest."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.clips import ClipReader, reader_of
from stores.files import damaged, digest, read_checked
from stores.layout import ArraySpec, Layout, shard_ranges
from stores.shard import damaged_shards, open_shard
from stores.storage import LocalStorage, Manifest


class FolderStorage(LocalStorage):
    """Storage of a store that `stores.writer` wrote; a reader reads one shard."""

    @cached_property
    def _layout(self) -> Layout:
        return Layout(self.path)

    def manifest(self) -> Manifest:
        return read_checked(self._layout.manifest)

    def rows(self, manifest: Manifest) -> pa.Table:
        """Read the row table. Raises `StoreError` unless the file is as the manifest says."""
        path = self._layout.rows
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise damaged(path, "this file is missing") from None
        if digest(data) != manifest["files"][path.name]:
            raise damaged(path, "it does not match its checksum")
        return pq.read_table(pa.BufferReader(data))

    def statistics(self, spec: ArraySpec, clips: int) -> np.ndarray:
        """Read the statistics of a variant. Raises `StoreError` for a damaged file."""
        size = int(np.prod((spec.clips_per_shard, *spec.statistics_shape)))
        parts = np.empty((len(shard_ranges(clips, spec.clips_per_shard)), size), "<f8")
        for shard, part in enumerate(parts):
            path = self._layout.statistics_chunk(spec, shard)
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise damaged(path, "this file is missing") from None
            if len(data) != part.nbytes:
                raise damaged(path, f"expected {part.nbytes} bytes, found {len(data)}")
            if self.check and google_crc32c.value(data) != self._marker(spec, shard)["statistics_crc32c"]:
                raise damaged(path, "it does not match its checksum")
            part[:] = np.frombuffer(data, "<f8")
        return parts.reshape(-1, *spec.statistics_shape)[:clips]

    def clips_per_file(self, manifest: Manifest) -> int:
        return int(manifest["clips_per_shard"])

    def open_clips(self, spec: ArraySpec, file: int, clips: int) -> ClipReader:
        checksums = self._marker(spec, file)["crc32c"] if self.check else None
        count = min(spec.clips_per_shard, clips - file * spec.clips_per_shard)
        shard, places = open_shard(self._layout.shard(spec, file), spec, count, self.direct)
        return reader_of(shard, spec, places, mappable=self.mappable, checksums=checksums)

    def check_sizes(self, specs: Iterable[ArraySpec], clips: int) -> None:
        """Raise `StoreError` if a shard is missing or cut short."""
        for spec in specs:
            for shard in damaged_shards(self._layout, spec, clips):
                count = min(spec.clips_per_shard, clips - shard * spec.clips_per_shard)
                open_shard(self._layout.shard(spec, shard), spec, count)

    def _marker(self, spec: ArraySpec, shard: int) -> dict[str, Any]:
        return read_checked(self._layout.marker(spec.variant, shard))
