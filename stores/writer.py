"""Writing a store shard by shard, so that whatever ends the work on the way, finished shards stay."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.direct import writing
from stores.errors import StoreError
from stores.files import make_folder, remove_partials, replacing, taking_place, write_checked
from stores.layout import ArraySpec, Layout, shard_ranges
from stores.shard import ShardWriter, check_size


class VariantShard:
    """One shard of one variant while it is written: tensors to disk, statistics in memory."""

    def __init__(self, tensors: ShardWriter, spec: ArraySpec) -> None:
        self._tensors = tensors
        self._statistics = np.full((spec.clips_per_shard, *spec.statistics_shape), np.nan, dtype="<f8")

    def append(self, values: np.ndarray, statistics: np.ndarray) -> None:
        """The next clip: values of `clip_shape` and its `(groups, 2)` locations and scales."""
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
    the shard is finished. After an error no marker is.
    """
    finished = {}
    with ExitStack() as files:
        shards = {}
        for spec in specs:
            partial = files.enter_context(taking_place(layout.shard(spec, shard)))
            file = files.enter_context(writing(partial))
            shards[spec.variant] = VariantShard(ShardWriter(file, spec), spec)
        yield shards
        finished = {variant: open_shard.finish() for variant, open_shard in shards.items()}
    for spec in specs:
        statistics, checksums = finished[spec.variant]
        with replacing(layout.statistics_chunk(spec, shard)) as chunk:
            chunk.write(statistics)
        marker = {
            "key": spec.shard_key(content_hashes),
            "crc32c": checksums,
            "statistics_crc32c": google_crc32c.value(statistics),
        }
        write_checked(layout.marker(spec.variant, shard), marker)


class StoreWriter:
    """Creates, resumes or mends one store. The caller holds the lock that keeps other writers out."""

    def __init__(self, path: Path, specs: Sequence[ArraySpec], content_hashes: Sequence[str]) -> None:
        self.layout = Layout(path)
        self.specs = {spec.variant: spec for spec in specs}
        self.content_hashes = content_hashes
        self.shards = shard_ranges(len(content_hashes), specs[0].clips_per_shard)

    @property
    def complete(self) -> bool:
        return self.layout.manifest.is_file() and not self.missing()

    def prepare(self, rows: pa.Table, attributes: dict[str, Any]) -> None:
        """Write the row table and the metadata, and sweep what an interrupted run left half-written."""
        from stores.metadata import create_arrays  # zarr is not needed to write shards, so workers do without

        make_folder(self.layout.path)
        remove_partials(self.layout.path.rglob("*"))
        with replacing(self.layout.rows) as file:
            pq.write_table(rows, file)
        create_arrays(self.layout, list(self.specs.values()), len(rows), attributes)
        for variant in self.specs:
            make_folder(self.layout.markers(variant))

    def missing(self, redo: Collection[tuple[str, int]] = ()) -> dict[int, list[str]]:
        """The variants that each shard lacks: it has no marker, or no file of the right size, or is to be redone."""
        lacking: dict[int, list[str]] = {}
        for variant, spec in self.specs.items():
            done = {int(marker.stem) for marker in self.layout.markers(variant).glob("*.json")}
            for shard, rows in enumerate(self.shards):
                if shard not in done or (variant, shard) in redo or not self._whole(spec, shard, len(rows)):
                    lacking.setdefault(shard, []).append(variant)
        return lacking

    def shard_hashes(self, shard: int) -> Sequence[str]:
        """Content hashes of the clips of a shard, in their order."""
        rows = self.shards[shard]
        return self.content_hashes[rows.start : rows.stop]

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest with the digests of all metadata: from here on readers accept the store."""
        write_checked(self.layout.manifest, {**manifest, "files": self.layout.metadata_digests()})

    def _whole(self, spec: ArraySpec, shard: int, clips: int) -> bool:
        try:
            check_size(self.layout.shard(spec, shard), spec, clips)
        except StoreError:
            return False
        return self.layout.statistics_chunk(spec, shard).is_file()
