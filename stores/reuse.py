"""Search for tensors that some store holds already: a whole shard to link, or single clips to copy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stores.files import read_json
from stores.held import HeldClip, HeldShard
from stores.layout import ArraySpec, Layout
from stores.links import ShardLink, link_shards
from stores.markers import differs, finished_marker
from stores.writer import StoreWriter

SHARDS_AT_ONCE = 4096  # that are linked before folders are synced


@dataclass(frozen=True)
class _Donor:
    """Store that may give tensors, complete or not, and its arrays of the wanted identities."""

    layout: Layout
    specs: Mapping[str, ArraySpec]  # by the variant that is written; here it may have another name

    def content(self) -> pa.Array:
        """Return each row's content hash. Raises `OSError` or `ValueError` without a row table."""
        with pq.ParquetFile(self.layout.rows) as file:
            return file.read(columns=["content_hash"])["content_hash"].cast(pa.string()).combine_chunks()

    @property
    def clips_per_shard(self) -> int:
        return next(iter(self.specs.values())).clips_per_shard

    def shard(self, variant: str, content: pa.Array, number: int) -> tuple[HeldShard, list[str]]:
        """Return a shard of that variant, and the recordings that it should hold."""
        size = self.clips_per_shard
        hashes = content.slice(number * size, size).to_pylist()
        return HeldShard(self.layout, self.specs[variant], number), hashes


class Pool:
    """Stores below a folder that hold arrays of the same identities as one that is written.

    Row tables are read one store after the other, and markers of those shards only that hold something wanted; 8 bytes
    are kept for each wanted tensor.
    """

    def __init__(self, stores: Path, specs: Sequence[ArraySpec]) -> None:
        by_identity = {spec.identity: spec for spec in specs}
        arrays_by_store: dict[Path, dict[str, ArraySpec]] = {}
        for metadata in sorted(stores.glob("*/*/tensors.zarr/*/zarr.json")):
            try:
                attributes = read_json(metadata)["attributes"]
                if (spec := by_identity.get(attributes.get("identity"))) is not None:
                    arrays_by_store.setdefault(metadata.parents[2], {})[spec.variant] = replace(
                        spec,
                        variant=metadata.parent.name,
                        clips_per_shard=attributes["clips_per_shard"],
                        compression=attributes.get("compression"),
                    )
            except (ValueError, KeyError, AttributeError, OSError):  # another store is damaged, which is no reason
                continue  # to build nothing
        self._donors = [_Donor(Layout(path), arrays) for path, arrays in arrays_by_store.items()]

    def link(self, writer: StoreWriter) -> None:
        """Take over whole shards that a store lacks, as hard links, where another one holds just their clips."""
        lacking = [(variant, shard) for shard, variants in writer.missing().items() for variant in variants]
        for donor, content in self._contents() if lacking else ():
            if donor.layout == writer.layout:
                continue
            firsts: dict[str, list[int]] = {}  # a shard is known by its first clip, and compared as a whole
            for number, first in enumerate(content[:: donor.clips_per_shard].to_pylist()):
                firsts.setdefault(first, []).append(number)
            linked: set[tuple[str, int]] = set()
            for start in range(0, len(lacking), SHARDS_AT_ONCE):
                some = [_link_of(writer, donor, firsts, *pair) for pair in lacking[start : start + SHARDS_AT_ONCE]]
                linked |= {(link.spec.variant, link.shard) for link in link_shards([link for link in some if link])}
            lacking = [pair for pair in lacking if pair not in linked]

    def find(self, writer: StoreWriter, missing: Mapping[int, Sequence[str]]) -> "Copies":
        """Find in other stores what is `missing`: variants of the shards that are to be written, by their numbers."""
        copies = Copies(writer, missing)
        for donor, content in self._contents():
            copies.add(donor, content)
        return copies

    def _contents(self) -> Iterator[tuple[_Donor, pa.Array]]:
        for donor in self._donors:
            try:
                content = donor.content()
            except (OSError, pa.ArrowInvalid):  # damaged, or removed just now
                continue
            yield donor, content


class Copies:
    """Tensors in other stores, or in the same one, to copy into the shards that are to be written."""

    def __init__(self, writer: StoreWriter, missing: Mapping[int, Sequence[str]]) -> None:
        self._donors: list[_Donor] = []
        self._sizes: list[int] = []
        self._starts: dict[int, int] = {}  # of each shard, among the wanted clips
        hashes: list[pa.Array] = []
        count = 0
        for shard in missing:
            self._starts[shard] = count
            hashes.append(pa.array(writer.shard_hashes(shard), pa.string()))
            count += len(hashes[-1])
        self._wanted = pa.chunked_array(hashes, pa.string())
        # The row of each wanted clip, counted through all donors; -1 while no donor has it.
        self._rows: dict[str, np.ndarray] = {}
        self._lacking: dict[str, np.ndarray] = {}
        for variant in writer.specs:
            needed = [
                np.full(len(part), variant in missing[shard]) for shard, part in zip(missing, hashes, strict=True)
            ]
            if any(part.any() for part in needed):
                self._lacking[variant] = np.concatenate(needed)
                self._rows[variant] = np.full(count, -1)

    def add(self, donor: _Donor, content: pa.Array) -> None:
        """Note the wanted tensors that a store holds in finished shards, where no earlier store had them."""
        base = sum(self._sizes)
        self._donors.append(donor)
        self._sizes.append(len(content))
        rows = pc.fill_null(pc.index_in(self._wanted, value_set=content), -1).to_numpy()  # the first of equal ones
        same = rows >= 0
        for variant in self._lacking.keys() & donor.specs.keys():
            matching = np.flatnonzero(same & self._lacking[variant])
            matching = matching[np.argsort(rows[matching])]
            shards = rows[matching] // donor.clips_per_shard
            for in_shard in np.split(matching, np.flatnonzero(np.diff(shards)) + 1) if len(matching) else ():
                held, hashes = donor.shard(variant, content, int(rows[in_shard[0]]) // donor.clips_per_shard)
                if held.finished_marker(hashes) is not None:
                    self._rows[variant][in_shard] = base + rows[in_shard]
                    self._lacking[variant][in_shard] = False

    def of(self, variant: str, shard: int, count: int) -> list[HeldClip | None]:
        """Return the clip to copy for each of the `count` clips of a shard, or None."""
        start = self._starts[shard]
        return [
            None if row < 0 else self._clip(variant, row) for row in self._rows[variant][start : start + count].tolist()
        ]

    def _clip(self, variant: str, row: int) -> HeldClip:
        number = 0
        while row >= self._sizes[number]:
            row -= self._sizes[number]
            number += 1
        donor = self._donors[number]
        shard, slot = divmod(row, donor.clips_per_shard)
        return HeldClip(HeldShard(donor.layout, donor.specs[variant], shard), slot)


def _link_of(
    writer: StoreWriter, donor: _Donor, firsts: Mapping[str, Sequence[int]], variant: str, shard: int
) -> ShardLink | None:
    """Return a link to one shard, if a store holds it."""
    ours, theirs = writer.specs[variant], donor.specs.get(variant)
    if theirs is None or (theirs.clips_per_shard, theirs.compression) != (ours.clips_per_shard, ours.compression):
        return None
    hashes = writer.shard_hashes(shard)
    numbers = firsts.get(hashes[0], ())
    promised = finished_marker(writer.layout, ours, shard, hashes) if numbers else None
    for number in numbers:
        held = HeldShard(donor.layout, theirs, number)
        marker = held.finished_marker(hashes)
        if marker is not None and (promised is None or not differs(promised, marker)):
            return ShardLink(held, marker, writer.layout, ours, shard, promised)
    return None
