"""Finding tensors that some store holds already: a whole shard to link, or single clips to copy."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import google_crc32c
import numpy as np
import pyarrow.parquet as pq

from stores.codec import codec
from stores.errors import StoreError
from stores.files import damaged, read_checked, read_json, taking_place, write_checked
from stores.layout import ArraySpec, Layout, shard_ranges
from stores.shard import check_size, open_shard


@dataclass(frozen=True)
class Held:
    """One finished shard of one variant in some store."""

    layout: Layout
    spec: ArraySpec
    shard: int

    @property
    def marker(self) -> Path:
        return self.layout.marker(self.spec.variant, self.shard)

    @property
    def tensors(self) -> Path:
        return self.layout.shard(self.spec, self.shard)

    @property
    def statistics(self) -> Path:
        return self.layout.statistics_chunk(self.spec, self.shard)


@dataclass(frozen=True)
class HeldClip:
    """One clip in a finished shard."""

    shard: Held
    slot: int

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Values of `clip_shape` and statistics `(groups, 2)`. Raises `StoreError` when damaged."""
        held, spec = self.shard, self.shard.spec
        marker = read_checked(held.marker)
        file, places = open_shard(held.tensors, spec, len(marker["crc32c"]))
        offset, count = places[self.slot].tolist()
        data = np.empty(count, np.uint8)
        file.read_into(offset, data.data)
        if google_crc32c.value(data) != marker["crc32c"][self.slot]:
            raise damaged(held.tensors, f"clip {self.slot} does not match its checksum")
        statistics = held.statistics.read_bytes()
        if google_crc32c.value(statistics) != marker["statistics_crc32c"]:
            raise damaged(held.statistics, "it does not match its checksum")
        if spec.compression:
            data = codec(spec.compression).decode(data)
        values = np.frombuffer(data, dtype=spec.dtype).reshape(spec.clip_shape)
        return values, np.frombuffer(statistics, dtype="<f8").reshape(-1, *spec.statistics_shape)[self.slot]


class Pool:
    """All finished shards of one array identity below a folder of stores, complete or not."""

    def __init__(self, stores: Path, spec: ArraySpec) -> None:
        self._spec = spec
        self._shards: list[Held] = []
        self._by_key: dict[str, Held] = {}
        hashes: list[np.ndarray] = []
        for metadata in sorted(stores.glob("*/*/tensors.zarr/*/zarr.json")):
            try:
                attributes = read_json(metadata).get("attributes", {})
                if attributes.get("identity") == spec.identity:
                    held = replace(
                        spec,
                        variant=metadata.parent.name,
                        clips_per_shard=attributes["clips_per_shard"],
                        compression=attributes.get("compression"),
                    )
                    hashes += self._take(Layout(metadata.parents[2]), held)
            except (ValueError, OSError):  # another store is damaged, which is no reason to build nothing
                continue
        # Per clip: content hash, place in `_shards`, and slot; in numpy, since a corpus may have millions.
        self._hashes = np.concatenate(hashes) if hashes else np.empty(0, "S32")
        sizes = [len(part) for part in hashes]
        self._shard_of = np.repeat(np.arange(len(sizes)), sizes)
        self._slots = np.concatenate([np.arange(size) for size in sizes]) if sizes else np.empty(0, int)
        self._order = np.argsort(self._hashes, kind="stable")

    def _take(self, layout: Layout, spec: ArraySpec) -> list[np.ndarray]:
        """Note the finished shards of one array; the content hashes of each of them."""
        hashes = []
        content = pq.read_table(layout.rows, columns=["content_hash"]).column(0).to_numpy().astype("S32")
        for shard, rows in enumerate(shard_ranges(len(content), spec.clips_per_shard)):
            held = Held(layout, spec, shard)
            try:
                key = read_checked(held.marker)["key"]
            except StoreError:  # not finished, or damaged
                continue
            here = content[rows.start : rows.stop]
            if key == spec.shard_key([text.decode() for text in here.tolist()]):
                self._shards.append(held)
                self._by_key.setdefault(key, held)
                hashes.append(here)
        return hashes

    def link(self, layout: Layout, shard: int, content_hashes: Sequence[str]) -> bool:
        """Take a whole shard with just these clips over as hard links, if there is one; says whether."""
        held = self._by_key.get(self._spec.shard_key(content_hashes))
        if held is None or held.layout == layout:
            return False
        try:
            check_size(held.tensors, self._spec, len(content_hashes))
            for source, target in (
                (held.tensors, layout.shard(self._spec, shard)),
                (held.statistics, layout.statistics_chunk(self._spec, shard)),
            ):
                with taking_place(target) as partial:
                    os.link(source, partial)
        except (StoreError, OSError):  # a file gone or cut short, no hard links: the clips are copied or computed
            return False
        write_checked(layout.marker(self._spec.variant, shard), read_checked(held.marker))
        return True

    def find(self, content_hashes: Sequence[str]) -> list[HeldClip | None]:
        """Where each of these recordings' tensors can be copied from."""
        wanted = np.asarray(content_hashes, dtype="S32")
        places = np.searchsorted(self._hashes, wanted, sorter=self._order)
        found: list[HeldClip | None] = []
        for content_hash, place in zip(wanted, places, strict=True):
            index = self._order[place] if place < len(self._order) else -1
            same = index >= 0 and self._hashes[index] == content_hash
            found.append(HeldClip(self._shards[self._shard_of[index]], int(self._slots[index])) if same else None)
        return found
