"""Writer of a store, shard by shard: finished shards stay, whatever ends the work on the way."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stores.files import (
    file_sizes,
    make_folder,
    partials_below,
    read_checked,
    remove_partials,
    replacing,
    write_checked,
)
from stores.layout import ArraySpec, Layout, marker_name, shard_ranges, statistics_name
from stores.links import WholeShard, link_shards
from stores.markers import History, Marker, finished_marker
from stores.shard import damaged_shards
from stores.shard_writing import Destination, FolderDestination


class Writer(ABC):
    """Writer that creates or resumes one store, wherever it lies.

    Attributes
    ----------
    path : Path or str
        Folder or address of the store.
    destination : Destination
    specs : dict
        The array of each variant.
    shards : list of range
        The rows of each shard.
    """

    path: Path | str
    destination: Destination

    def __init__(self, specs: Sequence[ArraySpec], content_hashes: pa.ChunkedArray | Sequence[str]) -> None:
        self.specs = {spec.variant: spec for spec in specs}
        whole = content_hashes if isinstance(content_hashes, pa.ChunkedArray) else pa.array(content_hashes, pa.string())
        self._content_hashes = whole  # a third of what they take as objects
        self.shards = shard_ranges(len(content_hashes), specs[0].clips_per_shard)

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Return True once nothing is missing and the store is open to readers."""

    @abstractmethod
    def prepare(self, rows: pa.Table, attributes: dict[str, Any]) -> None:
        """Write the row table and the metadata, and sweep what an interrupted run left half-written."""

    @abstractmethod
    def sweep(self) -> None:
        """Remove what writers that were interrupted have left half-written."""

    @abstractmethod
    def missing(self, redo: Collection[tuple[str, int]] = ()) -> dict[int, list[str]]:
        """Return the variants that each shard lacks, or that are to be redone."""

    @abstractmethod
    def promised(self, variant: str, shard: int) -> Marker | None:
        """Return the marker of a shard, if there is one and it is not damaged."""

    @abstractmethod
    def take(self, shards: Collection[WholeShard]) -> list[WholeShard]:
        """Take over whole shards of other stores. Return those that the store has now."""

    @abstractmethod
    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest with the digests of all metadata: from here on readers accept the store.

        It lists the environments of the shards.
        """

    @property
    @abstractmethod
    def identity(self) -> str:
        """Return the identity of the store, once it is complete."""

    def shard_hashes(self, shard: int) -> Sequence[str]:
        """Return the content hashes of the clips of a shard, in their order."""
        rows = self.shards[shard]
        hashes: list[str] = self._content_hashes.slice(rows.start, len(rows)).to_pylist()
        return hashes

    def each_shard(self) -> Iterator[tuple[str, int]]:
        """Yield variant and number of every shard."""
        return ((variant, shard) for variant in self.specs for shard in range(len(self.shards)))


class StoreWriter(Writer):
    """Writer of a store in a folder, which mends it as well. The caller holds the lock that keeps other writers out.

    A shard that was finished once and comes out with other bytes is an error, unless it may `accept_new_bytes`.
    """

    def __init__(
        self,
        path: Path,
        specs: Sequence[ArraySpec],
        content_hashes: pa.ChunkedArray | Sequence[str],
        *,
        accept_new_bytes: bool = False,
    ) -> None:
        super().__init__(specs, content_hashes)
        self.path, self.layout = path, Layout(path)
        self.destination = FolderDestination(self.layout, accept_new_bytes)

    @property
    def complete(self) -> bool:
        return self.layout.manifest.is_file() and not self.missing()

    def prepare(self, rows: pa.Table, attributes: dict[str, Any]) -> None:
        from stores.metadata import create_arrays  # zarr is not needed to write shards, so workers do without

        make_folder(self.layout.path)
        self.sweep()
        with replacing(self.layout.rows) as file:
            pq.write_table(rows, file)
        create_arrays(self.layout, list(self.specs.values()), len(rows), attributes)
        for variant in self.specs:
            make_folder(self.layout.markers(variant))

    def sweep(self) -> None:
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

    def promised(self, variant: str, shard: int) -> Marker | None:
        return finished_marker(self.layout, self.specs[variant], shard, self.shard_hashes(shard))

    def take(self, shards: Collection[WholeShard]) -> list[WholeShard]:
        return link_shards(self.layout, shards)

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest, as for any store; its identity is another one if new bytes were accepted."""
        history = History()
        for variant, shard in self.each_shard():
            if (marker := self.promised(variant, shard)) is not None:  # one that is damaged is for `verify` to find
                history.add(variant, shard, marker)
        summary = {"identity": history.identity(manifest["identity"]), "written_with": history.written_with}
        write_checked(self.layout.manifest, {**manifest, **summary, "files": self.layout.metadata_digests()})

    @property
    def identity(self) -> str:
        return str(read_checked(self.layout.manifest)["identity"])
