"""Reading a store: memory-mapped clips, never more in memory than what is asked for."""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.errors import StoreError
from stores.files import read_json
from stores.layout import ArraySpec, Layout, shard_ranges
from stores.shard import EMPTY, damaged, read_index

POINTER = "current.json"

# Each open shard takes a descriptor and a map; systems commonly allow a process 1024 and 65530 of them.
OPEN_SHARDS = 512


def open_store(path: str | Path) -> "Store":
    """Open a complete store, or the current one of a folder of stores that belong together.

    Raises
    ------
    StoreError
        If there is no store, it is not complete, or a shard is missing or cut short.
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
    clip_shape : tuple
        (rows, frames, channels), or (samples,)
    dtype : np.dtype
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._layout = Layout(path)
        self.manifest: dict[str, Any] = read_json(self._layout.manifest)
        self.clip_shape: tuple[int, ...] = tuple(self.manifest["shape"][1:])
        self.dtype = np.dtype(self.manifest["dtype"])
        self._specs = {variant: self._spec(variant) for variant in self.variants}
        self._shards = shard_ranges(len(self), self.manifest["clips_per_shard"])
        self._check_sizes()
        self._shard = lru_cache(OPEN_SHARDS)(self._open_shard)

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
        """One clip as a read-only view of the file: `clip_shape` in the store's type."""
        if variant not in self._specs:
            raise StoreError(f"{self.path}: no variant {variant!r}; there are {', '.join(self.variants)}")
        if not 0 <= row < len(self):
            raise StoreError(f"{self.path}: no row {row}; there are {len(self)} clips")
        shard, slot = divmod(row, self._specs[variant].clips_per_shard)
        return self._shard(variant, shard)[slot]

    def statistics(self, variant: str = "original") -> np.ndarray:
        """Location and scale of each normalised group of rows: `(clips, groups, 2)` float64."""
        spec = self._specs[variant]
        paths = [self._layout.statistics_chunk(spec, shard) for shard in range(len(self._shards))]
        whole = np.concatenate([np.fromfile(path, dtype="<f8") for path in paths])
        return whole.reshape(-1, *spec.statistics_shape)[: len(self)]

    def _spec(self, variant: str) -> ArraySpec:
        return ArraySpec(
            variant=variant,
            identity=self.manifest["identities"][variant],
            clip_shape=self.clip_shape,
            dimensions=tuple(self.manifest["dimensions"][1:]),
            statistics_groups=len(self.manifest["statistics"]),
            dtype=self.manifest["dtype"],
            clips_per_shard=self.manifest["clips_per_shard"],
            attributes={},
        )

    def _check_sizes(self) -> None:
        """Say at once which shard is missing or cut short."""
        for spec in self._specs.values():
            for shard, rows in enumerate(self._shards):
                path = self._layout.shard(spec, shard)
                if not path.is_file():
                    raise damaged(path, "this shard is missing")
                if (size := path.stat().st_size) != (expected := spec.shard_bytes(len(rows))):
                    raise damaged(path, f"expected {expected} bytes, found {size}")

    def _open_shard(self, variant: str, shard: int) -> np.ndarray:
        """A shard as one memory-mapped `(clips, *clip_shape)`."""
        spec = self._specs[variant]
        count = len(self._shards[shard])
        path = self._layout.shard(spec, shard)
        index = read_index(path, spec.clips_per_shard)
        expected = np.full_like(index, EMPTY)
        expected[:count, 0] = np.arange(count) * spec.clip_bytes
        expected[:count, 1] = spec.clip_bytes
        if not np.array_equal(index, expected):
            raise damaged(path, f"expected {count} uncompressed clips of {spec.clip_bytes} bytes in their order")
        return np.memmap(path, dtype=self.dtype, mode="r", shape=(count, *self.clip_shape))
