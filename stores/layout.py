"""Where everything in a store lies, and the Zarr metadata that describes it.

<store>/tensors.zarr/<variant>/               (clips, rows, frames, channels), one clip a chunk, many a shard
<store>/tensors.zarr/statistics/<variant>/    (clips, 5, 2) float64: location and scale of each normalised group
<store>/rows.parquet                          one row a clip, in the order of the arrays
<store>/markers/<variant>/<shard>.json        a finished shard: its key and the CRC32C of each clip
<store>/manifest.json                         written last: the store is complete
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

STATISTICS_SHAPE = (5, 2)
STATISTICS_DIMENSIONS = ("clip", "pair", "location_scale")


@dataclass(frozen=True)
class ArraySpec:
    """One variant's array: what a clip looks like, and the identity under which its shards can be reused."""

    variant: str
    identity: str
    clip_shape: tuple[int, ...]  # (rows, frames, channels)
    dtype: str
    clips_per_shard: int
    attributes: dict[str, Any]

    @property
    def clip_bytes(self) -> int:
        return int(np.prod(self.clip_shape)) * np.dtype(self.dtype).itemsize

    def shard_key(self, content_hashes: Sequence[str]) -> str:
        """Name of a shard's bytes: array identity, shard size, and the recordings in their order."""
        text = "\n".join([self.identity, str(self.clips_per_shard), *content_hashes])
        return blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Layout:
    """Paths inside a store."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def rows(self) -> Path:
        return self.path / "rows.parquet"

    @property
    def group(self) -> Path:
        return self.path / "tensors.zarr"

    def array(self, variant: str) -> Path:
        return self.group / variant

    def statistics(self, variant: str) -> Path:
        return self.group / "statistics" / variant

    def shard(self, variant: str, shard: int) -> Path:
        return self.array(variant) / f"c.{shard}.0.0.0"

    def statistics_chunk(self, variant: str, shard: int) -> Path:
        return self.statistics(variant) / f"c.{shard}.0.0"

    def markers(self, variant: str) -> Path:
        return self.path / "markers" / variant

    def marker(self, variant: str, shard: int) -> Path:
        return self.markers(variant) / f"{shard}.json"


def shard_ranges(clips: int, clips_per_shard: int) -> list[range]:
    """The rows of each shard."""
    return [range(start, min(start + clips_per_shard, clips)) for start in range(0, clips, clips_per_shard)]
