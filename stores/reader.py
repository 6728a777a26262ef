"""Reading a store: clip by clip, straight into the memory that is to hold it."""

from collections.abc import Sequence
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, cast
from weakref import finalize

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.clips import OpenClips
from stores.errors import StoreError
from stores.files import damaged, digest, read_checked
from stores.layout import POINTER, ArraySpec, Layout, shard_ranges
from stores.mounts import on_network
from stores.open_files import OpenFiles, open_files
from stores.shard import check_size, open_shard

_owners = count()  # a number for each store that this process opens


def open_store(path: str | Path, *, check: bool = False, direct: bool = False) -> "Store":
    """Open a complete store, the current one of a folder of stores that belong together, or an HDF5 export of one.

    Parameters
    ----------
    path : path
    check : bool
        Compare each clip that is read with its checksum, and read it by its position.
    direct : bool
        Read past the page cache, where the system can: for stores many times the size of memory.

    Notes
    -----
    Files that are read often are mapped into memory, unless `check` or `direct` is set or the store lies on a network
    file system or one in user space, which Linux's table of mounts tells. Nothing of otogura changes or shortens a
    mapped file: a repair puts another one in its place. If another program cuts one short, or the disk fails to read
    it, the process ends by SIGBUS, where positioned reads raise `StoreError`.

    A process keeps as many files open as it may have descriptors for itself, over all its stores: half of
    `RLIMIT_NOFILE`, which is raised to 4096 where the system allows, and 2048 at most. What is beyond is opened for
    each read. The files of a store are closed when nothing refers to it any more.

    Raises
    ------
    StoreError
        If there is no store, it is not complete, or a shard is missing or cut short.

    Examples
    --------
    >>> import otogura
    >>> store = otogura.open_store("work/stores/genres-demo-34bfcb93")
    >>> store.variants
    ('original', 'noise', 'shift', 'stretch', 'pitch', 'rolloff')
    >>> store.clip(0, "noise").shape
    (128, 216, 4)
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
        self._mappable = not (check or direct or on_network(path))
        self._owner = next(_owners)
        self._files = cast(OpenFiles[OpenClips], open_files())
        finalize(self, self._files.release, self._owner).atexit = False

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
        """The row table: id, label, group, fold, content_hash, and what each augmentation drew.

        Raises `StoreError` unless the file is as the manifest says.
        """
        path = self._layout.rows
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise damaged(path, "this file is missing") from None
        if digest(data) != self.manifest["files"][path.name]:
            raise damaged(path, "it does not match its checksum")
        return pq.read_table(pa.BufferReader(data))

    def clip(self, row: int, variant: str = "original") -> np.ndarray:
        """One clip, `clip_shape` in the store's type.

        A read-only view of the mapped file, or a copy where it may not be mapped (see `open_store`) or is compressed.
        Raises `StoreError` for a damaged file.
        """
        shard, slot = self._place(row, variant)
        return self._clips(variant, shard).clip(slot)

    def read_batch(self, rows: Sequence[int], variants: Sequence[str], values: np.ndarray) -> None:
        """Read clips into `values` `(clips, *clip_shape)`, a C-contiguous array of the store's type.

        Raises `ValueError` if there are not as many rows, variants and places, or the array is not such a one, and
        `StoreError` for a damaged file.
        """
        from stores.gather import gather, suits  # with numba, which only batches need

        self._refuse_unfit(len(rows), len(variants), values)
        fast = suits(values)
        mapped: list[OpenClips] = []  # which lie where they are as long as this refers to them
        sources: list[int] = []
        targets: list[int] = []
        for number, (row, variant) in enumerate(zip(rows, variants, strict=True)):
            shard, slot = self._place(row, variant)
            clips = self._clips(variant, shard)
            if fast and (address := clips.address(slot)) is not None:
                mapped.append(clips)
                sources.append(address)
                targets.append(number)
            else:
                clips.read_into(slot, values[number])
        if mapped:
            gather(sources, values, targets)

    def _refuse_unfit(self, rows: int, variants: int, values: np.ndarray) -> None:
        """Raise `ValueError` unless as many clips fit into an array as it is."""
        if rows != variants:
            raise ValueError(f"variants: expected one for each of {rows} rows, got {variants}")
        shape = (rows, *self.clip_shape)
        if values.shape != shape or values.dtype != self.dtype:
            raise ValueError(
                f"values: expected {self.dtype} of shape {shape}, got {values.dtype} of shape {values.shape}"
            )
        if not values.flags.c_contiguous or not values.flags.writeable:
            raise ValueError("values: expected a C-contiguous array that can be written; copy it")

    def announce(self, row: int, variant: str) -> None:
        """Let the system read a clip that will be asked for soon."""
        shard, slot = self._place(row, variant)
        self._clips(variant, shard).announce(slot)

    def _clips(self, variant: str, shard: int) -> OpenClips:
        return self._files.get((self._owner, variant, shard), self._open_shard)

    def _place(self, row: int, variant: str) -> tuple[int, int]:
        """Shard and slot of a clip."""
        if variant not in self.specs:
            raise StoreError(f"{self.path}: no variant {variant!r}; there are {', '.join(self.variants)}")
        if not 0 <= row < len(self):
            raise StoreError(f"{self.path}: no row {row}; there are {len(self)} clips")
        return divmod(row, self.specs[variant].clips_per_shard)

    def statistics(self, variant: str = "original") -> np.ndarray:
        """Location and scale of each normalised group of rows: `(clips, groups, 2)` float64.

        Raises `StoreError` for a damaged file.
        """
        spec = self.specs[variant]
        size = int(np.prod((spec.clips_per_shard, *spec.statistics_shape)))
        parts = np.empty((len(self.shards), size), "<f8")
        for shard, part in enumerate(parts):
            path = self._layout.statistics_chunk(spec, shard)
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise damaged(path, "this file is missing") from None
            if len(data) != part.nbytes:
                raise damaged(path, f"expected {part.nbytes} bytes, found {len(data)}")
            if self._check and google_crc32c.value(data) != self._marker(variant, shard)["statistics_crc32c"]:
                raise damaged(path, "it does not match its checksum")
            part[:] = np.frombuffer(data, "<f8")
        return parts.reshape(-1, *spec.statistics_shape)[: len(self)]

    def _marker(self, variant: str, shard: int) -> dict[str, Any]:
        return read_checked(self._layout.marker(variant, shard))

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

    def _open_shard(self, variant: str, shard: int) -> OpenClips:
        spec = self.specs[variant]
        checksums = self._marker(variant, shard)["crc32c"] if self._check else None
        path = self._layout.shard(spec, shard)
        file, places = open_shard(path, spec, len(self.shards[shard]), self._direct)
        return OpenClips(file, spec, places, mappable=self._mappable, checksums=checksums)


def _opened(kind: type[Store], path: Path, check: bool, direct: bool) -> Store:
    """A store as it was pickled."""
    return kind(path, check=check, direct=direct)
