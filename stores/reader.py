"""Reader of a store: clip by clip, straight into the memory that is to hold it."""

from collections.abc import Sequence
from functools import cached_property
from itertools import count
from typing import Any, cast
from weakref import finalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stores.clips import ClipReader
from stores.errors import StoreError
from stores.layout import ArraySpec, shard_ranges
from stores.open_files import OpenFiles, open_files
from stores.storage import Storage

_owners = count()  # a number for each store that this process opens


class Store:
    """A complete store, which `open_store` returns. Threads may share it, and so may processes, forked or spawned.

    Attributes
    ----------
    path : Path or str
        Folder, file or address.
    manifest : dict
        Identity, recipe, shape, and the versions that the store was written with.
    clip_shape : tuple
        (rows, frames, channels), or (samples,)
    dtype : np.dtype
    specs : dict
        The array of each variant.
    shards : list of range
        The rows of each shard.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.path = storage.path
        self.manifest = storage.manifest()
        self.clip_shape: tuple[int, ...] = tuple(self.manifest["shape"][1:])
        self.dtype = np.dtype(self.manifest["dtype"])
        self.specs = {variant: self._spec(variant) for variant in self.variants}
        self.shards = shard_ranges(len(self), self.manifest["clips_per_shard"])
        self._clips_per_file = storage.clips_per_file(self.manifest)
        self._owner = next(_owners)
        self._files = cast(OpenFiles[ClipReader], open_files())
        finalize(self, self._files.release, self._owner).atexit = False

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self._storage,)

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

        Raises `StoreError` for a damaged file.
        """
        return self._storage.rows(self.manifest)

    def order_by_content(self, rows: np.ndarray) -> np.ndarray:
        """Return the places of `rows` `(clips,)` by content hash and then by id, int64: the same in every store."""
        columns = self.rows.select(["content_hash", "id"]).take(pa.array(rows))
        keys = [("content_hash", "ascending"), ("id", "ascending")]
        return pc.sort_indices(columns, keys).to_numpy().astype(np.int64)

    def clip(self, row: int, variant: str = "original") -> np.ndarray:
        """Return one clip, `clip_shape` in the store's type.

        It is a read-only view of the mapped file, or a copy where the file may not be mapped (see `open_store`) or is
        compressed. Raises `StoreError` for a damaged file.
        """
        file, number = self._place(row, variant)
        return self._clips(variant, file).clip(number)

    def read_batch(self, rows: Sequence[int], variants: Sequence[str], values: np.ndarray) -> None:
        """Read clips into `values` `(clips, *clip_shape)`, a C-contiguous array of the store's type.

        Raises `ValueError` if there are not as many rows, variants and places, or the array is not such a one, and
        `StoreError` for a damaged file.
        """
        from stores.gather import gather, suits  # with numba, which only batches need

        self._refuse_unfit(len(rows), len(variants), values)
        fast = suits(values)
        readers: list[ClipReader] = []  # addresses are valid as long as these are referred to
        sources: list[int] = []
        targets: list[int] = []
        coming: list[tuple[ClipReader, int, int]] = []
        for place, (row, variant) in enumerate(zip(rows, variants, strict=True)):
            file, number = self._place(row, variant)
            clips = self._clips(variant, file)
            if fast and (address := clips.address(number)) is not None:
                readers.append(clips)
                sources.append(address)
                targets.append(place)
            elif self._storage.fetches:
                clips.announce(number)  # all of them are on their way before the first is waited for
                coming.append((clips, number, place))
            else:
                clips.read_into(number, values[place])
        for clips, number, place in coming:
            clips.read_into(number, values[place])
        if readers:
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
        """Let the system fetch a clip that will be asked for soon."""
        file, number = self._place(row, variant)
        self._clips(variant, file).announce(number)

    def statistics(self, variant: str = "original") -> np.ndarray:
        """Return location and scale of each normalised group of rows: `(clips, groups, 2)` float64.

        Raises `StoreError` for a damaged file.
        """
        return self._storage.statistics(self.specs[variant], len(self))

    def _clips(self, variant: str, file: int) -> ClipReader:
        return self._files.get((self._owner, variant, file), self._open_clips)

    def _open_clips(self, variant: str, file: int) -> ClipReader:
        return self._storage.open_clips(self.specs[variant], file, len(self))

    def _place(self, row: int, variant: str) -> tuple[int, int]:
        """Return the file of a clip and its number there."""
        if variant not in self.specs:
            raise StoreError(f"{self.path}: no variant {variant!r}; there are {', '.join(self.variants)}")
        if not 0 <= row < len(self):
            raise StoreError(f"{self.path}: no row {row}; there are {len(self)} clips")
        return divmod(row, self._clips_per_file)

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
