"""Addresses of shards and clips in stores that exist, and reading one clip from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

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

    def read(self, slot: int) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """Return a clip as `HeldClip.read` does."""
        marker = read_checked(self.marker)
        file, places = open_shard(self.tensors, self.spec, len(marker["crc32c"]))
        offset, count = places[slot].tolist()
        data = np.empty(count, np.uint8)
        file.read_into(offset, data.data)
        if google_crc32c.value(data) != marker["crc32c"][slot]:
            raise damaged(self.tensors, f"clip {slot} does not match its checksum")
        chunk = self.statistics.read_bytes()
        if google_crc32c.value(chunk) != marker["statistics_crc32c"]:
            raise damaged(self.statistics, "it does not match its checksum")
        return decoded(data, self.spec), statistics_of(chunk, self.spec)[slot], written_with(marker)


class AnyHeldShard(Protocol):
    """Shard in a store that is there, wherever that is. Tasks carry it to workers by pickle."""

    def finished_marker(self, content_hashes: Sequence[str]) -> Marker | None: ...

    def read(self, slot: int) -> tuple[np.ndarray, np.ndarray, list[Any]]: ...


@dataclass(frozen=True)
class HeldClip:
    """Clip in a finished shard."""

    shard: AnyHeldShard
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
        return self.shard.read(self.slot)


def decoded(stored: np.ndarray, spec: ArraySpec) -> np.ndarray:
    """Return the values of a clip from its stored bytes."""
    data = codec(spec.compression).decode(stored) if spec.compression else stored
    return np.frombuffer(data, dtype=spec.dtype).reshape(spec.clip_shape)


def statistics_of(chunk: bytes, spec: ArraySpec) -> np.ndarray:
    """Return the statistics of all clips of a shard from their stored bytes, `(clips, groups, 2)` float64."""
    return np.frombuffer(chunk, dtype="<f8").reshape(-1, *spec.statistics_shape)
