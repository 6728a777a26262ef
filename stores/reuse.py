"""Search for tensors that some store holds already: a whole shard to take over, or single clips to copy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stores.errors import StoreError
from stores.files import read_json
from stores.held import AnyHeldShard, HeldClip, HeldShard
from stores.layout import ArraySpec, Layout
from stores.links import WholeShard
from stores.markers import differs
from stores.writer import Writer

SHARDS_AT_ONCE = 4096  # that are taken over before folders are synced


class Donor(Protocol):
    """Store that may give tensors, complete or not.

    Attributes
    ----------
    path : str or Path
        Folder or address of the store.
    specs : dict
        Its arrays of the wanted identities, by the variant that is written; there they may have another name.
    """

    @property
    def path(self) -> Path | str: ...

    @property
    def specs(self) -> Mapping[str, ArraySpec]: ...

    def content(self) -> pa.Array:
        """Return each row's content hash. Raises `OSError`, `ValueError` or `StoreError` without a row table."""

    def held(self, variant: str, number: int) -> AnyHeldShard:
        """Return a shard of a variant."""


def clips_per_shard(donor: Donor) -> int:
    """Return the clips in each shard of a store that may give tensors."""
    return next(iter(donor.specs.values())).clips_per_shard


@dataclass(frozen=True)
class FolderDonor:
    """Store in a folder, as a donor."""

    layout: Layout
    specs: Mapping[str, ArraySpec]

    @property
    def path(self) -> Path:
        return self.layout.path

    def content(self) -> pa.Array:
        return content_of(self.layout.rows)

    def held(self, variant: str, number: int) -> HeldShard:
        return HeldShard(self.layout, self.specs[variant], number)


def content_of(rows: Path | pa.BufferReader) -> pa.Array:
    """Return the content hashes in a row table."""
    with pq.ParquetFile(rows) as file:
        return file.read(columns=["content_hash"])["content_hash"].cast(pa.string()).combine_chunks()


def spec_of(metadata: Mapping[str, Any], name: str, wanted: Mapping[str, ArraySpec]) -> ArraySpec | None:
    """Return the array `name` of a store by Zarr's metadata, if it has one of the `wanted` identities.

    Raises `KeyError` or `AttributeError` for metadata of another form.
    """
    attributes = metadata["attributes"]
    spec = wanted.get(attributes.get("identity"))
    if spec is None:
        return None
    packing = {"clips_per_shard": attributes["clips_per_shard"], "compression": attributes.get("compression")}
    return replace(spec, variant=name, **packing)


def folder_donors(stores: Path, specs: Sequence[ArraySpec]) -> list[FolderDonor]:
    """Return the stores below a folder that hold arrays of the same identities as those to be written."""
    by_identity = {spec.identity: spec for spec in specs}
    arrays_by_store: dict[Path, dict[str, ArraySpec]] = {}
    for path in sorted(stores.glob("*/*/tensors.zarr/*/zarr.json")):
        try:
            found = spec_of(read_json(path), path.parent.name, by_identity)
        except (ValueError, KeyError, AttributeError, OSError):  # another store is damaged, which is no reason
            continue  # to build nothing
        if found is not None:
            arrays_by_store.setdefault(path.parents[2], {})[by_identity[found.identity].variant] = found
    return [FolderDonor(Layout(path), arrays) for path, arrays in arrays_by_store.items()]


class Pool:
    """Stores that hold arrays of the same identities as one that is written.

    Row tables are read one store after the other, and markers of those shards only that hold something wanted; 8 bytes
    are kept for each wanted tensor.
    """

    def __init__(self, donors: Sequence[Donor]) -> None:
        self._donors = donors

    def link(self, writer: Writer) -> None:
        """Take over whole shards that a store lacks, where another one holds just their clips."""
        lacking = [(variant, shard) for shard, variants in writer.missing().items() for variant in variants]
        for donor, content in self._contents() if lacking else ():
            if donor.path == writer.path:
                continue
            firsts: dict[str, list[int]] = {}  # a shard is known by its first clip, and compared as a whole
            for number, first in enumerate(content[:: clips_per_shard(donor)].to_pylist()):
                firsts.setdefault(first, []).append(number)
            taken: set[tuple[str, int]] = set()
            for start in range(0, len(lacking), SHARDS_AT_ONCE):
                some = (_whole(writer, donor, firsts, *pair) for pair in lacking[start : start + SHARDS_AT_ONCE])
                taken |= {(one.spec.variant, one.shard) for one in writer.take([one for one in some if one])}
            lacking = [pair for pair in lacking if pair not in taken]

    def find(self, writer: Writer, missing: Mapping[int, Sequence[str]]) -> "Copies":
        """Find in other stores what is `missing`: variants of the shards that are to be written, by their numbers."""
        copies = Copies(writer, missing)
        for donor, content in self._contents():
            copies.add(donor, content)
        return copies

    def _contents(self) -> Iterator[tuple[Donor, pa.Array]]:
        for donor in self._donors:
            try:
                content = donor.content()
            except (OSError, pa.ArrowInvalid, StoreError):  # damaged, or removed just now
                continue
            yield donor, content


class Copies:
    """Tensors in other stores, or in the same one, to copy into the shards that are to be written."""

    def __init__(self, writer: Writer, missing: Mapping[int, Sequence[str]]) -> None:
        self._donors: list[Donor] = []
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

    def add(self, donor: Donor, content: pa.Array) -> None:
        """Note the wanted tensors that a store holds in finished shards, where no earlier store had them."""
        base = sum(self._sizes)
        self._donors.append(donor)
        self._sizes.append(len(content))
        rows = pc.fill_null(pc.index_in(self._wanted, value_set=content), -1).to_numpy()  # the first of equal ones
        same = rows >= 0
        for variant in self._lacking.keys() & donor.specs.keys():
            matching = np.flatnonzero(same & self._lacking[variant])
            matching = matching[np.argsort(rows[matching])]
            size = clips_per_shard(donor)
            shards = rows[matching] // size
            for in_shard in np.split(matching, np.flatnonzero(np.diff(shards)) + 1) if len(matching) else ():
                number = int(rows[in_shard[0]]) // size
                hashes = content.slice(number * size, size).to_pylist()
                if donor.held(variant, number).finished_marker(hashes) is not None:
                    self._rows[variant][in_shard] = base + rows[in_shard]
                    self._lacking[variant][in_shard] = False

    def of(self, variant: str, shard: int, count: int) -> list[HeldClip | None]:
        """Return the clip to copy for each of the `count` clips of a shard, or None."""
        start = self._starts[shard]
        shards: dict[tuple[int, int], AnyHeldShard] = {}  # one object of each, which goes to a worker once
        return [
            None if row < 0 else self._clip(variant, row, shards)
            for row in self._rows[variant][start : start + count].tolist()
        ]

    def _clip(self, variant: str, row: int, shards: dict[tuple[int, int], AnyHeldShard]) -> HeldClip:
        number = 0
        while row >= self._sizes[number]:
            row -= self._sizes[number]
            number += 1
        donor = self._donors[number]
        shard, slot = divmod(row, clips_per_shard(donor))
        if (number, shard) not in shards:
            shards[number, shard] = donor.held(variant, shard)
        return HeldClip(shards[number, shard], slot)


def _whole(
    writer: Writer, donor: Donor, firsts: Mapping[str, Sequence[int]], variant: str, shard: int
) -> WholeShard | None:
    """Return a shard of a store that holds just the clips of one that is written, if it does."""
    ours, theirs = writer.specs[variant], donor.specs.get(variant)
    if theirs is None or (theirs.clips_per_shard, theirs.compression) != (ours.clips_per_shard, ours.compression):
        return None
    hashes = writer.shard_hashes(shard)
    numbers = firsts.get(hashes[0], ())
    promised = writer.promised(variant, shard) if numbers else None
    for number in numbers:
        held = donor.held(variant, number)
        marker = held.finished_marker(hashes)
        if marker is not None and (promised is None or not differs(promised, marker)):
            return WholeShard(held, marker, ours, shard, promised)
    return None
