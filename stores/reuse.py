"""Finding tensors that some store holds already: a whole shard to link, or single clips to copy."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import google_crc32c
import numpy as np
import pyarrow.parquet as pq

from stores.errors import StoreError
from stores.files import partial_name, read_json, sync_folder, write_json
from stores.layout import STATISTICS_SHAPE, ArraySpec, Layout, shard_ranges
from stores.shard import read_index


@dataclass(frozen=True)
class Held:
    """One finished shard of one variant in some store."""

    layout: Layout
    variant: str
    shard: int
    clips_per_shard: int

    @property
    def marker(self) -> Path:
        return self.layout.marker(self.variant, self.shard)


@dataclass(frozen=True)
class HeldClip:
    """One clip in a finished shard."""

    shard: Held
    slot: int

    def read(self, spec: ArraySpec) -> tuple[np.ndarray, np.ndarray]:
        """Values `(rows, frames, channels)` and statistics `(5, 2)`, checked against the marker's checksum."""
        held = self.shard
        path = held.layout.shard(held.variant, held.shard)
        offset, count = read_index(path, held.clips_per_shard)[self.slot].tolist()
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(count)
        if google_crc32c.value(data) != read_json(held.marker)["crc32c"][self.slot]:
            raise StoreError(f"{path}: clip {self.slot} does not match its checksum; delete this store")
        statistics = np.fromfile(held.layout.statistics_chunk(held.variant, held.shard), dtype="<f8")
        values = np.frombuffer(data, dtype=spec.dtype).reshape(spec.clip_shape)
        return values, statistics.reshape(-1, *STATISTICS_SHAPE)[self.slot]


class Pool:
    """All finished shards of one array identity below a folder of stores, complete or not."""

    def __init__(self, stores: Path, spec: ArraySpec) -> None:
        self._spec = spec
        self._shards: list[Held] = []
        self._by_key: dict[str, Held] = {}
        hashes: list[np.ndarray] = []
        for metadata in sorted(stores.glob("*/*/tensors.zarr/*/zarr.json")):
            attributes = read_json(metadata).get("attributes", {})
            if attributes.get("identity") == spec.identity:
                layout = Layout(metadata.parents[2])
                hashes += self._take(layout, metadata.parent.name, attributes["clips_per_shard"])
        # Per clip: content hash, place in `_shards`, and slot; in numpy, since a corpus may have millions.
        self._hashes = np.concatenate(hashes) if hashes else np.empty(0, "U32")
        sizes = [len(part) for part in hashes]
        self._shard_of = np.repeat(np.arange(len(sizes)), sizes)
        self._slots = np.concatenate([np.arange(size) for size in sizes]) if sizes else np.empty(0, int)
        self._order = np.argsort(self._hashes, kind="stable")

    def _take(self, layout: Layout, variant: str, clips_per_shard: int) -> list[np.ndarray]:
        """Note the finished shards of one array; the content hashes of each of them."""
        hashes = []
        content = pq.read_table(layout.rows, columns=["content_hash"]).column(0).to_numpy().astype("U32")
        for shard, rows in enumerate(shard_ranges(len(content), clips_per_shard)):
            held = Held(layout, variant, shard, clips_per_shard)
            if held.marker.is_file():
                self._shards.append(held)
                self._by_key.setdefault(read_json(held.marker)["key"], held)
                hashes.append(content[rows.start : rows.stop])
        return hashes

    def link(self, layout: Layout, shard: int, content_hashes: Sequence[str]) -> bool:
        """Take a whole shard with just these clips over as hard links, if there is one; says whether."""
        held = self._by_key.get(self._spec.shard_key(content_hashes))
        if held is None:
            return False
        variant = self._spec.variant
        pairs = [
            (held.layout.shard(held.variant, held.shard), layout.shard(variant, shard)),
            (held.layout.statistics_chunk(held.variant, held.shard), layout.statistics_chunk(variant, shard)),
        ]
        try:
            for source, target in pairs:
                partial = partial_name(target)
                os.link(source, partial)
                partial.rename(target)
                sync_folder(target.parent)
        except OSError:  # a file system without hard links: the clips are copied instead
            return False
        write_json(layout.marker(variant, shard), read_json(held.marker))
        return True

    def find(self, content_hashes: Sequence[str]) -> list[HeldClip | None]:
        """Where each of these recordings' tensors can be copied from."""
        wanted = np.asarray(content_hashes, dtype="U32")
        places = np.searchsorted(self._hashes, wanted, sorter=self._order)
        found: list[HeldClip | None] = []
        for content_hash, place in zip(wanted, places, strict=True):
            index = self._order[place] if place < len(self._order) else -1
            same = index >= 0 and self._hashes[index] == content_hash
            found.append(HeldClip(self._shards[self._shard_of[index]], int(self._slots[index])) if same else None)
        return found
