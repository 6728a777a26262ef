"""Writer of a store, shard by shard: finished shards stay, whatever ends the work on the way."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.direct import writing
from stores.files import (
    file_sizes,
    make_folder,
    partials_below,
    remove_partials,
    replacing,
    taking_place,
    write_checked,
)
from stores.layout import ArraySpec, Layout, marker_name, shard_ranges, statistics_name
from stores.markers import ACCEPTED, History, Marker, differs, distinct, finished_marker, refuse_other_bytes
from stores.shard import ShardWriter, damaged_shards


class VariantShard:
    """Shard of one variant while it is written: tensors go to disk, statistics stay in memory."""

    def __init__(self, tensors: ShardWriter, spec: ArraySpec, promised: Marker | None) -> None:
        self._tensors = tensors
        self._statistics = np.full((spec.clips_per_shard, *spec.statistics_shape), np.nan, dtype="<f8")
        self._written_with: list[Any] = []
        self._promised = promised

    def append(self, values: np.ndarray, statistics: np.ndarray, written_with: Sequence[Any] = ()) -> None:
        """Append a clip: values of `clip_shape`, `(groups, 2)` locations and scales, and its environments."""
        self._statistics[len(self._tensors.checksums)] = statistics
        self._tensors.append(values)
        self._written_with = distinct([*self._written_with, *written_with])

    def as_promised(self, values: np.ndarray) -> bool:
        """Return True unless the marker of the shard promises other bytes of the next clip."""
        if self._promised is None:
            return True
        return self._tensors.checksum(values) == self._promised["crc32c"][len(self._tensors.checksums)]

    def finish(self) -> tuple[bytes, Marker]:
        """Write the index; return the statistics' bytes and the marker, but for its key."""
        self._tensors.finish()
        statistics = self._statistics.tobytes()
        return statistics, {
            "crc32c": self._tensors.checksums,
            "statistics_crc32c": google_crc32c.value(statistics),
            "written_with": self._written_with,
        }


@contextmanager
def writing_shard(
    layout: Layout,
    specs: Sequence[ArraySpec],
    shard: int,
    content_hashes: Sequence[str],
    *,
    accept_new_bytes: bool = False,
) -> Iterator[dict[str, VariantShard]]:
    """Write one shard of several variants side by side, clip by clip.

    When the block ends without an error, each file is synced and takes its name, and then the markers say that
    the shard is finished. After an error no marker is written and no file replaced.
    Raises `StoreError` at the end if a shard that was finished before has other bytes than its marker promises, unless
    they are accepted.
    """
    finishing = {}
    promised = {spec.variant: finished_marker(layout, spec, shard, content_hashes) for spec in specs}
    with ExitStack() as files:
        shards = {}
        for spec in specs:
            partial = files.enter_context(taking_place(layout.shard(spec, shard)))
            file = files.enter_context(writing(partial))
            before = None if accept_new_bytes else promised[spec.variant]
            shards[spec.variant] = VariantShard(ShardWriter(file, spec), spec, before)
        yield shards
        finishing = {variant: open_shard.finish() for variant, open_shard in shards.items()}
        for spec in specs:
            first, (_, marker) = promised[spec.variant], finishing[spec.variant]
            if first is None:
                continue
            if not accept_new_bytes:
                refuse_other_bytes(layout, spec, shard, first, marker)
            if first.get(ACCEPTED) or differs(first, marker):
                marker[ACCEPTED] = True
    for spec in specs:
        statistics, marker = finishing[spec.variant]
        with replacing(layout.statistics_chunk(spec, shard)) as chunk:
            chunk.write(statistics)
        write_checked(layout.marker(spec.variant, shard), {"key": spec.shard_key(content_hashes), **marker})


class StoreWriter:
    """Writer that creates, resumes or mends one store. The caller holds the lock that keeps other writers out."""

    def __init__(self, path: Path, specs: Sequence[ArraySpec], content_hashes: pa.ChunkedArray | Sequence[str]) -> None:
        self.layout = Layout(path)
        self.specs = {spec.variant: spec for spec in specs}
        whole = content_hashes if isinstance(content_hashes, pa.ChunkedArray) else pa.array(content_hashes, pa.string())
        self._content_hashes = whole  # a third of what they take as objects
        self.shards = shard_ranges(len(content_hashes), specs[0].clips_per_shard)

    @property
    def complete(self) -> bool:
        return self.layout.manifest.is_file() and not self.missing()

    def prepare(self, rows: pa.Table, attributes: dict[str, Any]) -> None:
        """Write the row table and the metadata, and sweep what an interrupted run left half-written."""
        from stores.metadata import create_arrays  # zarr is not needed to write shards, so workers do without

        make_folder(self.layout.path)
        self.sweep()
        with replacing(self.layout.rows) as file:
            pq.write_table(rows, file)
        create_arrays(self.layout, list(self.specs.values()), len(rows), attributes)
        for variant in self.specs:
            make_folder(self.layout.markers(variant))

    def sweep(self) -> None:
        """Remove what writers that were interrupted have left half-written."""
        remove_partials(partials_below(self.layout.path))

    def missing(self, redo: Collection[tuple[str, int]] = ()) -> dict[int, list[str]]:
        """Return the variants that each shard lacks: no marker, no file of the right size, or to be redone."""
        lacking: dict[int, list[str]] = {}
        for variant, spec in self.specs.items():
            markers = file_sizes(self.layout.markers(variant))
            statistics = file_sizes(self.layout.statistics(spec))
            damaged = set(damaged_shards(self.layout, spec, len(self._content_hashes)))
            for shard in range(len(self.shards)):
                if (
                    marker_name(shard) not in markers
                    or statistics.get(statistics_name(shard)) != spec.statistics_bytes
                    or shard in damaged
                    or (variant, shard) in redo
                ):
                    lacking.setdefault(shard, []).append(variant)
        return lacking

    def shard_hashes(self, shard: int) -> Sequence[str]:
        """Return the content hashes of the clips of a shard, in their order."""
        rows = self.shards[shard]
        hashes: list[str] = self._content_hashes.slice(rows.start, len(rows)).to_pylist()
        return hashes

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest with the digests of all metadata: from here on readers accept the store.

        It lists the environments of the shards, and its identity is another one if new bytes were accepted.
        """
        history = History()
        for variant, spec in self.specs.items():
            for shard in range(len(self.shards)):
                marker = finished_marker(self.layout, spec, shard, self.shard_hashes(shard))
                if marker is not None:  # one that is damaged is for `verify` to find
                    history.add(variant, shard, marker)
        summary = {"identity": history.identity(manifest["identity"]), "written_with": history.written_with}
        write_checked(self.layout.manifest, {**manifest, **summary, "files": self.layout.metadata_digests()})
