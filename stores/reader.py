"""Reading a store: memory-mapped clips, never more in memory than what is asked for."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.errors import StoreError
from stores.files import read_json
from stores.layout import STATISTICS_SHAPE, Layout
from stores.shard import EMPTY, read_index

POINTER = "current.json"


def open_store(path: str | Path) -> "Store":
    """Open a complete store, or the current one of a folder of stores that belong together.

    Raises
    ------
    StoreError
        If there is no store, or it is not complete.
    """
    folder = Path(path)
    pointer = folder / POINTER
    if pointer.is_file():
        folder = folder / read_json(pointer)["store"]
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such store")
    if not Layout(folder).manifest.is_file():
        raise StoreError(f"{folder}: expected a complete store with a manifest.json; build it again to finish it")
    return Store(folder)


class Store:
    """A complete store.

    Attributes
    ----------
    path : Path
    manifest : dict
        Identity, recipe, shape, and what the store was written with.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._layout = Layout(path)
        self.manifest: dict[str, Any] = read_json(self._layout.manifest)
        self.clip_shape: tuple[int, ...] = tuple(self.manifest["shape"][1:])
        self.dtype = np.dtype(self.manifest["dtype"])
        self._clips_per_shard: int = self.manifest["clips_per_shard"]
        self._arrays = {variant: self._open_array(variant) for variant in self.variants}

    def __len__(self) -> int:
        return int(self.manifest["clips"])

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}: {len(self)} clips × {len(self.variants)} variants of {self.clip_shape})"

    @property
    def identity(self) -> str:
        return str(self.manifest["identity"])

    @property
    def variants(self) -> tuple[str, ...]:
        return tuple(self.manifest["variants"])

    @cached_property
    def rows(self) -> pa.Table:
        """The row table: id, label, group, fold, content_hash, and what each augmentation drew."""
        return pq.read_table(self._layout.rows)

    def clip(self, row: int, variant: str = "original") -> np.ndarray:
        """One clip as a read-only view of the file: `(rows, frames, channels)` in the store's type."""
        if variant not in self._arrays:
            raise StoreError(f"{self.path}: no variant {variant!r}; there are {', '.join(self.variants)}")
        if not 0 <= row < len(self):
            raise StoreError(f"{self.path}: no row {row}; there are {len(self)} clips")
        shard, slot = divmod(row, self._clips_per_shard)
        return self._arrays[variant][shard][slot]

    def statistics(self, variant: str = "original") -> np.ndarray:
        """Location and scale of each normalised group of rows: `(clips, 5, 2)` float64."""
        count = -(-len(self) // self._clips_per_shard)
        chunks = [np.fromfile(self._layout.statistics_chunk(variant, shard), dtype="<f8") for shard in range(count)]
        return np.concatenate(chunks).reshape(-1, *STATISTICS_SHAPE)[: len(self)]

    def _open_array(self, variant: str) -> list[np.ndarray]:
        """Each shard of a variant as one memory-mapped `(clips, rows, frames, channels)`."""
        clip_bytes = int(np.prod(self.clip_shape)) * self.dtype.itemsize
        shards: list[np.ndarray] = []
        for start in range(0, len(self), self._clips_per_shard):
            count = min(self._clips_per_shard, len(self) - start)
            path = self._layout.shard(variant, start // self._clips_per_shard)
            index = read_index(path, self._clips_per_shard)
            expected = np.full_like(index, EMPTY)
            expected[:count, 0] = np.arange(count) * clip_bytes
            expected[:count, 1] = clip_bytes
            if not np.array_equal(index, expected):
                raise StoreError(f"{path}: expected {count} uncompressed clips of {clip_bytes} bytes in their order")
            shards.append(np.memmap(path, dtype=self.dtype, mode="r", shape=(count, *self.clip_shape)))
        return shards
