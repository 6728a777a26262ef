"""Layout of a store: the paths of its files, and the shape of its arrays.

<store>/tensors.zarr/<variant>/               (clips, rows, frames, channels), one clip a chunk, many a shard;
                                              waveforms (clips, samples)
<store>/tensors.zarr/statistics/<variant>/    (clips, groups, 2) float64: location and scale of each group of rows
<store>/rows.parquet                          one row a clip, in the order of the arrays
<store>/markers/<variant>/<shard>.json        a finished shard: its key and the CRC32C of what it holds
<store>/manifest.json                         written last: the store is complete
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from stores.codec import Compression
from stores.files import digest

POINTER = "current.json"  # in a folder of stores: which of them is the current one
ADDRESS = "address"  # there: where they are, if that is in object storage

# The index at the end of a shard: an offset and a byte count for each slot, and a checksum.
INDEX_ENTRY_BYTES, INDEX_CHECKSUM_BYTES = 16, 4


@dataclass(frozen=True)
class ArraySpec:
    """Array of one variant: the shape of a clip, and the identity under which shards can be reused."""

    variant: str
    identity: str
    clip_shape: tuple[int, ...]
    dimensions: tuple[str, ...]  # names of the axes of a clip
    statistics_groups: int  # groups of rows that were normalised, each by one location and one scale
    dtype: str
    clips_per_shard: int
    attributes: dict[str, Any]
    compression: Compression | None = None

    @cached_property
    def clip_bytes(self) -> int:
        """Size of a clip in memory, and in the store if that is not compressed."""
        return int(np.prod(self.clip_shape)) * np.dtype(self.dtype).itemsize

    @property
    def statistics_shape(self) -> tuple[int, int]:
        return (self.statistics_groups, 2)

    @property
    def statistics_bytes(self) -> int:
        """Size of the statistics of a shard, which are float64."""
        return 8 * self.clips_per_shard * self.statistics_groups * 2

    @property
    def index_bytes(self) -> int:
        """Size of the index at the end of a shard."""
        return self.clips_per_shard * INDEX_ENTRY_BYTES + INDEX_CHECKSUM_BYTES

    def shard_key(self, content_hashes: Sequence[str]) -> str:
        """Return a name for a shard's bytes: array identity, shard size, compression, recordings in their order."""
        text = "\n".join([self.identity, str(self.clips_per_shard), str(self.compression), *content_hashes])
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

    @cached_property
    def group(self) -> Path:
        return self.path / "tensors.zarr"

    def tensors(self, spec: ArraySpec) -> Path:
        return self.group / spec.variant

    def shard(self, spec: ArraySpec, shard: int) -> Path:
        return self.tensors(spec) / shard_name(spec, shard)

    def statistics(self, spec: ArraySpec) -> Path:
        return self.group / "statistics" / spec.variant

    def statistics_chunk(self, spec: ArraySpec, shard: int) -> Path:
        return self.statistics(spec) / statistics_name(shard)

    def metadata(self) -> list[Path]:
        """Return the files that exist of the row table and the metadata of the arrays."""
        return [path for path in (self.rows, *sorted(self.group.rglob("zarr.json"))) if path.is_file()]

    def metadata_digests(self) -> dict[str, str]:
        """Return the digest of each file of `metadata`, by its path inside the store."""
        return {path.relative_to(self.path).as_posix(): digest(path.read_bytes()) for path in self.metadata()}

    def markers(self, variant: str) -> Path:
        return self.path / "markers" / variant

    def marker(self, variant: str, shard: int) -> Path:
        return self.markers(variant) / marker_name(shard)


def shard_name(spec: ArraySpec, shard: int) -> str:
    """Return the file name of a shard, which is that of its first chunk."""
    return f"c.{shard}{len(spec.clip_shape) * '.0'}"


def statistics_name(shard: int) -> str:
    """Return the file name of the statistics of a shard."""
    return f"c.{shard}.0.0"


def marker_name(shard: int) -> str:
    """Return the file name of the marker of a shard."""
    return f"{shard}.json"


def shard_ranges(clips: int, clips_per_shard: int) -> list[range]:
    """Return the rows of each shard."""
    return [range(start, min(start + clips_per_shard, clips)) for start in range(0, clips, clips_per_shard)]
