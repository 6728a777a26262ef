"""Shards and clips that some store holds already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from stores.codec import codec
from stores.files import damaged, read_checked
from stores.layout import ArraySpec, Layout
from stores.markers import Marker, finished_marker, written_with
from stores.shard import open_shard


@dataclass(frozen=True)
class HeldShard:
    """Shard of one variant in some store."""

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

    def finished_marker(self, content_hashes: Sequence[str]) -> Marker | None:
        """Return the marker, if the shard is finished and holds just these recordings."""
        return finished_marker(self.layout, self.spec, self.shard, content_hashes)


@dataclass(frozen=True)
class HeldClip:
    """Clip in a finished shard."""

    shard: HeldShard
    slot: int

    def read(self) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """Return values of `clip_shape`, statistics `(groups, 2)`, and the environments in the shard's marker.

        Raises `StoreError` when damaged.
        """
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
        stored = codec(spec.compression).decode(data) if spec.compression else data
        values = np.frombuffer(stored, dtype=spec.dtype).reshape(spec.clip_shape)
        pair = np.frombuffer(statistics, dtype="<f8").reshape(-1, *spec.statistics_shape)[self.slot]
        return values, pair, written_with(marker)
