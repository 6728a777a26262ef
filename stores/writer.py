"""Writing a store shard by shard, so that whatever ends the work on the way, finished shards stay."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.files import PARTIAL_SUFFIX, replacing, sync_folder, write_json
from stores.layout import STATISTICS_SHAPE, ArraySpec, Layout, shard_ranges
from stores.shard import ShardWriter


class VariantShard:
    """One shard of one variant while it is written: tensors to disk, statistics in memory."""

    def __init__(self, tensors: ShardWriter, slots: int) -> None:
        self._tensors = tensors
        self._statistics = np.full((slots, *STATISTICS_SHAPE), np.nan, dtype="<f8")

    def append(self, values: np.ndarray, statistics: np.ndarray) -> None:
        """The next clip: `(rows, frames, channels)` and its `(5, 2)` locations and scales."""
        self._statistics[len(self._tensors.checksums)] = statistics
        self._tensors.append(values)

    def finish(self) -> tuple[bytes, list[int]]:
        """Write the index; returns the statistics' bytes and the CRC32C of each clip."""
        self._tensors.finish()
        return self._statistics.tobytes(), self._tensors.checksums


@contextmanager
def writing_shard(
    layout: Layout, specs: Sequence[ArraySpec], shard: int, content_hashes: Sequence[str]
) -> Iterator[dict[str, VariantShard]]:
    """Write one shard of several variants side by side, clip by clip.

    When the block ends without an error, each file is synced and takes its name, and then the markers say that
    the shard is finished. After an error nothing is left.
    """
    finished = {}
    with ExitStack() as files:
        shards = {}
        for spec in specs:
            file = files.enter_context(replacing(layout.shard(spec.variant, shard)))
            shards[spec.variant] = VariantShard(ShardWriter(file, spec.clips_per_shard), spec.clips_per_shard)
        yield shards
        finished = {variant: open_shard.finish() for variant, open_shard in shards.items()}
    for spec in specs:
        statistics, checksums = finished[spec.variant]
        with replacing(layout.statistics_chunk(spec.variant, shard)) as file:
            file.write(statistics)
        write_json(layout.marker(spec.variant, shard), {"key": spec.shard_key(content_hashes), "crc32c": checksums})


class StoreWriter:
    """Creates or resumes one store. The caller holds the lock that keeps other writers out."""

    def __init__(self, path: Path, specs: Sequence[ArraySpec], rows: pa.Table) -> None:
        self.layout = Layout(path)
        self.specs = {spec.variant: spec for spec in specs}
        self.rows = rows
        self.content_hashes: list[str] = rows.column("content_hash").to_pylist()
        self.shards = shard_ranges(len(rows), specs[0].clips_per_shard)

    @property
    def complete(self) -> bool:
        return self.layout.manifest.is_file()

    def prepare(self, attributes: dict[str, Any]) -> None:
        """Write the row table and the metadata, and sweep what an interrupted run left half-written."""
        from stores.metadata import create_arrays  # zarr is not needed to write shards, so workers do without

        self.layout.path.mkdir(parents=True, exist_ok=True)
        for leftover in self.layout.path.rglob("*" + PARTIAL_SUFFIX):
            leftover.unlink()
        with replacing(self.layout.rows) as file:
            pq.write_table(self.rows, file)
        create_arrays(self.layout, list(self.specs.values()), len(self.rows), attributes)
        for variant in self.specs:
            self.layout.markers(variant).mkdir(parents=True, exist_ok=True)

    def missing(self) -> dict[int, list[str]]:
        """The variants that each unfinished shard still lacks."""
        lacking: dict[int, list[str]] = {}
        for variant in self.specs:
            done = {int(marker.stem) for marker in self.layout.markers(variant).glob("*.json")}
            for shard in range(len(self.shards)):
                if shard not in done:
                    lacking.setdefault(shard, []).append(variant)
        return lacking

    def shard_hashes(self, shard: int) -> list[str]:
        """Content hashes of the clips of a shard, in their order."""
        rows = self.shards[shard]
        return self.content_hashes[rows.start : rows.stop]

    def finish(self, manifest: dict[str, Any]) -> None:
        """Make everything durable, then write the manifest: from here on readers accept the store."""
        for metadata in self.layout.group.rglob("zarr.json"):
            descriptor = os.open(metadata, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(metadata.parent)
        write_json(self.layout.manifest, manifest)
