"""Addresses of shards and clips in stores that exist, and reading one clip from there."""

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
    """Address of a shard of one variant in some store; `finished_marker` tells if it is there."""

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
        """Return the marker if the shard is finished and holds just these recordings (hex content hashes), in order."""
        return finished_marker(self.layout, self.spec, self.shard, content_hashes)


@dataclass(frozen=True)
class HeldClip:
    """Clip in a finished shard."""

    shard: HeldShard
    slot: int  # place in the shard, from 0

    def read(self) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """Return the values of the clip, its statistics, and the environments that its shard was written in.

        Returns
        -------
        values : np.ndarray [shape=clip_shape, dtype=spec.dtype]
        statistics : np.ndarray [shape=(groups, 2), dtype=float64]
            Location and scale of each group of rows.
        environments : list

        Raises
        ------
        StoreError
            If a file is damaged.
        OSError
            If a file cannot be read.
        """
        held, spec = self.shard, self.shard.spec
        marker = read_checked(held.marker)
        file, places = open_shard(held.tensors, spec, len(marker["crc32c"]))
        offset, count = places[self.slot].tolist()
        data = np.empty(count, np.uint8)
        file.read_into(offset, data.data)
        if google_crc32c.value(data) != marker["crc32c"][self.slot]:
            raise damaged(held.tensors, f"clip {self.slot} does not match its checksum")
        chunk = held.statistics.read_bytes()
        if google_crc32c.value(chunk) != marker["statistics_crc32c"]:
            raise damaged(held.statistics, "it does not match its checksum")
        stored = codec(spec.compression).decode(data) if spec.compression else data
        values = np.frombuffer(stored, dtype=spec.dtype).reshape(spec.clip_shape)
        statistics = np.frombuffer(chunk, dtype="<f8").reshape(-1, *spec.statistics_shape)[self.slot]
        return values, statistics, written_with(marker)
