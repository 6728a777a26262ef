"""Reading a store: clip by clip, straight into the memory that is to hold it."""

import mmap
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.codec import codec
from stores.errors import StoreError
from stores.files import damaged, read_checked
from stores.layout import POINTER, ArraySpec, Layout, shard_ranges
from stores.positioned import ALIGNMENT, File, page_aligned
from stores.shard import check_size, places

OPEN_SHARDS = 512  # each takes a descriptor, and systems commonly allow a process 1024 of them


def open_store(path: str | Path, *, check: bool = False, direct: bool = False) -> "Store":
    """Open a complete store, the current one of a folder of stores that belong together, or an HDF5 export of one.

    Parameters
    ----------
    path : path
    check : bool
        Compare each clip that is read with its checksum.
    direct : bool
        Read past the page cache, where the system can: for stores many times the size of memory.

    Raises
    ------
    StoreError
        If there is no store, it is not complete, or a shard is missing or cut short.
    """
    folder = Path(path)
    if folder.is_file():
        from stores.hdf5 import Hdf5Store  # h5py is for those who have such a file

        return Hdf5Store(folder, check=check, direct=direct)
    pointer = folder / POINTER
    if pointer.is_file():
        folder = folder / read_checked(pointer)["store"]
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such store")
    if not Layout(folder).manifest.is_file():
        raise StoreError(f"{folder}: expected a complete store with a manifest.json; build it again to finish it")
    store = Store(folder, check=check, direct=direct)
    store.check_sizes()
    return store


class Store:
    """A complete store, as `open_store` finds it. Threads may share it, and so may processes, forked or spawned.

    Attributes
    ----------
    path : Path
    manifest : dict
        Identity, recipe, shape, and what the store was written with.
    clip_shape : tuple
        (rows, frames, channels), or (samples,)
    dtype : np.dtype
    specs : dict
        The array of each variant.
    shards : list of range
        The rows of each shard.
    """

    def __init__(self, path: Path, *, check: bool = False, direct: bool = False) -> None:
        self.path = path
        self._check, self._direct = check, direct
        self._layout = Layout(path)
        self.manifest = self._read_manifest()
        self.clip_shape: tuple[int, ...] = tuple(self.manifest["shape"][1:])
        self.dtype = np.dtype(self.manifest["dtype"])
        self.specs = {variant: self._spec(variant) for variant in self.variants}
        self.shards = shard_ranges(len(self), self.manifest["clips_per_shard"])
        self._shard: Callable[[str, int], OpenClips] = lru_cache(OPEN_SHARDS)(self._open_shard)

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (type(self), self.path, self._check, self._direct)

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
        """One clip, `clip_shape` in the store's type: a read-only view of the file, or a copy of it where `direct`."""
        shard, slot = self._place(row, variant)
        return self._shard(variant, shard).clip(slot)

    def read_batch(self, rows: Sequence[int], variants: Sequence[str], values: np.ndarray) -> None:
        """Read clips into `values` `(clips, *clip_shape)`, a contiguous array of the store's type.

        Raises `StoreError` for a damaged file.
        """
        from stores.gather import gather, suits  # with numba, which only batches need

        clips = []
        for row, variant in zip(rows, variants, strict=True):
            shard, slot = self._place(row, variant)
            clips.append((self._shard(variant, shard), slot))
        if suits(values) and all(opened.as_in_memory for opened, _ in clips):
            gather([opened.address(slot) for opened, slot in clips], values)
            for (opened, slot), target in zip(clips, values, strict=True):
                opened.compare(slot, target)
        else:
            for (opened, slot), target in zip(clips, values, strict=True):
                opened.read_into(slot, target)

    def announce(self, row: int, variant: str) -> None:
        """Let the system read a clip that will be asked for soon."""
        shard, slot = self._place(row, variant)
        self._shard(variant, shard).announce(slot)

    def _place(self, row: int, variant: str) -> tuple[int, int]:
        """Shard and slot of a clip."""
        if variant not in self.specs:
            raise StoreError(f"{self.path}: no variant {variant!r}; there are {', '.join(self.variants)}")
        if not 0 <= row < len(self):
            raise StoreError(f"{self.path}: no row {row}; there are {len(self)} clips")
        return divmod(row, self.specs[variant].clips_per_shard)

    def statistics(self, variant: str = "original") -> np.ndarray:
        """Location and scale of each normalised group of rows: `(clips, groups, 2)` float64."""
        spec = self.specs[variant]
        paths = [self._layout.statistics_chunk(spec, shard) for shard in range(len(self.shards))]
        whole = np.concatenate([np.fromfile(path, dtype="<f8") for path in paths])
        return whole.reshape(-1, *spec.statistics_shape)[: len(self)]

    def _read_manifest(self) -> dict[str, Any]:
        return read_checked(self._layout.manifest)

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
            compression=self.manifest.get("compression"),
        )

    def check_sizes(self) -> None:
        """Raise `StoreError` if a shard is missing or cut short."""
        for spec in self.specs.values():
            for shard, rows in enumerate(self.shards):
                check_size(self._layout.shard(spec, shard), spec, len(rows))

    def _open_shard(self, variant: str, shard: int) -> "OpenClips":
        checksums = read_checked(self._layout.marker(variant, shard))["crc32c"] if self._check else None
        spec = self.specs[variant]
        path = self._layout.shard(spec, shard)
        return OpenClips(path, spec, places(path, spec, len(self.shards[shard])), self._direct, checksums)


class OpenClips:
    """Clips in one open file, which is closed when nothing refers to this any more.

    Mapped into memory, so that a clip is copied once and from the page cache; or read past the cache.

    Parameters
    ----------
    places : array of int64, shape (clips, 2)
        Where each clip begins in the file, and how many bytes it has there.
    checksums : sequence of int, optional
        CRC32C of each clip as it is stored, which is then compared.
    """

    def __init__(
        self, path: Path, spec: ArraySpec, places: np.ndarray, direct: bool, checksums: Sequence[int] | None
    ) -> None:
        self._path = path
        self._shape, self._dtype = spec.clip_shape, np.dtype(spec.dtype)
        self._codec = codec(spec.compression) if spec.compression else None
        self._places = places
        self._checksums = checksums
        if direct:
            self._file = File(path, not (places % ALIGNMENT).any())
            self._map = None
        else:
            with open(path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._start = np.frombuffer(self._map, np.uint8).ctypes.data

    @property
    def as_in_memory(self) -> bool:
        """Whether clips lie somewhere in memory, as they are to be."""
        return self._map is not None and self._codec is None

    def address(self, number: int) -> int:
        """Where a clip begins that lies in memory, as long as this object lives."""
        return self._start + int(self._places[number, 0])

    def clip(self, number: int) -> np.ndarray:
        if self._map is None or self._codec is not None:
            values = page_aligned(self._shape, self._dtype)
            self.read_into(number, values)
            return values
        stored = self._mapped(self._map, number)
        self.compare(number, stored)
        return stored.view(self._dtype).reshape(self._shape)

    def read_into(self, number: int, values: np.ndarray) -> None:
        target = values.reshape(-1).view(np.uint8)
        if self._codec is not None:
            stored = self._stored(number)
            self.compare(number, stored)
            try:
                self._codec.decode(stored, target)
            except (RuntimeError, ValueError):  # what numcodecs raises
                raise damaged(self._path, f"clip {number} cannot be decompressed") from None
        elif self._map is not None:
            np.copyto(target, self._mapped(self._map, number))
            self.compare(number, target)
        else:
            self._read(number, target)
            self.compare(number, target)

    def compare(self, number: int, stored: np.ndarray) -> None:
        """Raise `StoreError` if these are not the bytes that were stored as this clip, where that is to be checked."""
        if self._checksums is not None and google_crc32c.value(stored) != self._checksums[number]:
            raise damaged(self._path, f"clip {number} does not match its checksum")

    def announce(self, number: int) -> None:
        if self._map is not None and hasattr(mmap, "MADV_WILLNEED"):
            start, count = self._places[number].tolist()
            page = start - start % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, page, start + count - page)

    def _stored(self, number: int) -> np.ndarray:
        """The bytes of a clip as they are in the file."""
        if self._map is not None:
            return self._mapped(self._map, number)
        stored = np.empty(self._places[number, 1], np.uint8)
        self._read(number, stored)
        return stored

    def _mapped(self, memory: mmap.mmap, number: int) -> np.ndarray:
        start, count = self._places[number].tolist()
        return np.frombuffer(memory, np.uint8, count, start)

    def _read(self, number: int, target: np.ndarray) -> None:
        if self._file.read_into(int(self._places[number, 0]), target.data) != len(target):
            raise damaged(self._path, f"it ends before clip {number} does")


def _opened(kind: type[Store], path: Path, check: bool, direct: bool) -> Store:
    """A store as it was pickled."""
    return kind(path, check=check, direct=direct)
