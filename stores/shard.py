"""The shard files of Zarr v3's sharding codec: clips one after the other, then an index of their places.

The index holds an offset and a byte count (little-endian uint64) for each slot, all ones for an empty one, and ends
with its CRC32C. Source: the Zarr v3 specification, sharding codec 1.0. Unless they are compressed, clips are stored as
they are in memory, so that a clip can be memory-mapped.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import google_crc32c
import numpy as np

from stores.codec import codec
from stores.direct import DirectFile
from stores.errors import StoreError
from stores.files import damaged, file_sizes
from stores.layout import INDEX_CHECKSUM_BYTES, ArraySpec, Layout, shard_name, shard_ranges
from stores.positioned import ALIGNMENT, File

EMPTY = np.uint64(2**64 - 1)


class ShardWriter:
    """Writer of one shard: appends clips to an open file, one at a time, and ends with the index."""

    def __init__(self, file: DirectFile, spec: ArraySpec) -> None:
        self._file = file
        self._codec = codec(spec.compression) if spec.compression else None
        self._index = np.full((spec.clips_per_shard, 2), EMPTY, dtype="<u8")
        self._position = 0
        self.checksums: list[int] = []  # CRC32C of each clip as it is stored

    def append(self, clip: np.ndarray) -> None:
        data = self._encoded(clip)
        self._file.write(data.data)
        self._index[len(self.checksums)] = self._position, len(data)
        self.checksums.append(google_crc32c.value(data))
        self._position += len(data)

    def checksum(self, clip: np.ndarray) -> int:
        """Return the CRC32C of a clip as it would be stored."""
        return int(google_crc32c.value(self._encoded(clip)))

    def _encoded(self, clip: np.ndarray) -> np.ndarray:
        clip = np.ascontiguousarray(clip)
        return np.frombuffer(self._codec.encode(clip) if self._codec else clip.data, np.uint8)

    def finish(self) -> None:
        index = self._index.tobytes()
        self._file.write(index + google_crc32c.value(index).to_bytes(INDEX_CHECKSUM_BYTES, "little"))


def damaged_shards(layout: Layout, spec: ArraySpec, clips: int) -> list[int]:
    """Return the shards of a variant, in a store of that many `clips`, that are missing or cut short.

    One listing tells the sizes. Of compressed shards, whose sizes say nothing, the indices are read.
    """
    sizes = file_sizes(layout.tensors(spec))
    damaged_ones = []
    for shard, rows in enumerate(shard_ranges(clips, spec.clips_per_shard)):
        size = sizes.get(shard_name(spec, shard))
        if spec.compression and size is not None:
            try:
                open_shard(layout.shard(spec, shard), spec, len(rows))
            except StoreError:
                damaged_ones.append(shard)
        elif size != len(rows) * spec.clip_bytes + spec.index_bytes:
            damaged_ones.append(shard)
    return damaged_ones


def open_shard(path: Path, spec: ArraySpec, count: int, direct: bool = False) -> tuple[File, np.ndarray]:
    """Open a shard of `count` clips; return the file, and offset and byte count of each clip, `(count, 2)` int64.

    Where clips are not compressed these follow from their size, so that nothing is read. Raises `StoreError` if the
    shard is missing or its size is not that of its clips.
    """
    try:
        file = File(path, direct and not spec.compression and not spec.clip_bytes % ALIGNMENT)
    except FileNotFoundError:
        raise damaged(path, "this shard is missing") from None
    if spec.compression:
        return file, index_places(file, spec, count)
    if (size := file.size) != (expected := count * spec.clip_bytes + spec.index_bytes):
        raise damaged(path, f"expected {expected} bytes, found {size}")
    return file, equal_places(spec.clip_bytes, count)


@lru_cache(64)
def equal_places(clip_bytes: int, count: int) -> np.ndarray:
    """Return offset and byte count of clips that are not compressed, `(count, 2)` int64."""
    places = np.full((count, 2), clip_bytes, np.int64)
    places[:, 0] *= np.arange(count)
    places.flags.writeable = False  # shared by all shards of that size
    return places


def index_places(file: File, spec: ArraySpec, count: int) -> np.ndarray:
    """Read offset and byte count of each of a shard's clips, `(count, 2)` int64, from its index.

    Raises `StoreError` unless they lie one after the other, fill the file and, if they are not compressed, are as they
    are in memory.
    """
    size = file.size
    data = bytearray(spec.index_bytes)
    if size >= len(data):
        file.read_into(size - len(data), memoryview(data))
    return places_of_index(bytes(data), size, spec, count, partial(damaged, file.path))


def places_of_index(
    data: bytes, size: int, spec: ArraySpec, count: int, fault: Callable[[str], StoreError]
) -> np.ndarray:
    """Return offset and byte count of each clip from the last bytes of a shard of a size, as `index_places` does.

    `fault` makes the error of what is wrong.
    """
    end = size - spec.index_bytes
    if end < 0:
        raise fault(f"{size} bytes are too few for the index of {spec.clips_per_shard} clips")
    index, checksum = data[:-INDEX_CHECKSUM_BYTES], int.from_bytes(data[-INDEX_CHECKSUM_BYTES:], "little")
    if google_crc32c.value(index) != checksum:
        raise fault("the index does not match its checksum")
    entries = np.frombuffer(index, dtype="<u8").reshape(-1, 2)
    places = entries[:count].astype(np.int64)
    sizes = places[:, 1] if spec.compression else np.full(count, spec.clip_bytes)
    expected = np.stack([np.cumsum(sizes) - sizes, sizes], axis=1)
    if not np.array_equal(places, expected) or (entries[count:] != EMPTY).any():
        kind = "clips" if spec.compression else f"uncompressed clips of {spec.clip_bytes} bytes"
        raise fault(f"expected {count} {kind}, one after the other")
    if end != sizes.sum():
        raise fault(f"expected {sizes.sum() + spec.index_bytes} bytes, found {size}")
    return places
