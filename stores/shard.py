"""The shard files of Zarr v3's sharding codec: clips one after the other, then an index of their places.

The index holds an offset and a byte count (little-endian uint64) for each slot, all ones for an empty one, and ends
with its CRC32C. Source: the Zarr v3 specification, sharding codec 1.0. Clips are stored as they are in memory, so
that a clip can be memory-mapped.
"""

from pathlib import Path

import google_crc32c
import numpy as np

from stores.direct import DirectFile
from stores.files import damaged
from stores.layout import INDEX_CHECKSUM_BYTES, INDEX_ENTRY_BYTES, ArraySpec

EMPTY = np.uint64(2**64 - 1)


class ShardWriter:
    """Appends clips to an open file, one at a time, and closes with the index."""

    def __init__(self, file: DirectFile, slots: int) -> None:
        self._file = file
        self._index = np.full((slots, 2), EMPTY, dtype="<u8")
        self._position = 0
        self.checksums: list[int] = []  # CRC32C of each clip

    def append(self, clip: np.ndarray) -> None:
        clip = np.ascontiguousarray(clip)
        self._file.write(clip.data)
        self._index[len(self.checksums)] = self._position, clip.nbytes
        self.checksums.append(google_crc32c.value(clip))
        self._position += clip.nbytes

    def finish(self) -> None:
        index = self._index.tobytes()
        self._file.write(index + google_crc32c.value(index).to_bytes(INDEX_CHECKSUM_BYTES, "little"))


def read_index(path: Path, slots: int) -> np.ndarray:
    """Offset and byte count of each slot: `(slots, 2)` uint64. Raises `StoreError` for a damaged file."""
    size = slots * INDEX_ENTRY_BYTES + INDEX_CHECKSUM_BYTES
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            if file.tell() < size:
                raise damaged(path, f"{file.tell()} bytes are too few for the index of {slots} clips")
            file.seek(-size, 2)
            data = file.read()
    except FileNotFoundError:
        raise damaged(path, "this shard is missing") from None
    index, checksum = data[:-INDEX_CHECKSUM_BYTES], int.from_bytes(data[-INDEX_CHECKSUM_BYTES:], "little")
    if google_crc32c.value(index) != checksum:
        raise damaged(path, "the index does not match its checksum")
    return np.frombuffer(index, dtype="<u8").reshape(slots, 2)


def check_index(path: Path, spec: ArraySpec, count: int) -> None:
    """Raise `StoreError` unless a shard holds `count` clips as they are in memory, one after the other."""
    index = read_index(path, spec.clips_per_shard)
    expected = np.full_like(index, EMPTY)
    expected[:count, 0] = np.arange(count) * spec.clip_bytes
    expected[:count, 1] = spec.clip_bytes
    if not np.array_equal(index, expected):
        raise damaged(path, f"expected {count} uncompressed clips of {spec.clip_bytes} bytes in their order")
