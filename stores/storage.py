"""The contract of storages: a store in a folder of Zarr files, or in an HDF5 file."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa

from stores.clips import ClipReader
from stores.layout import ArraySpec
from stores.mounts import on_network

Manifest = dict[str, Any]


class Storage(Protocol):
    """Parts of one complete store, wherever they lie. Processes may be sent one by pickle."""

    fetches: ClassVar[bool]  # clips are fetched once they are announced, which whoever reads several does first

    @property
    def path(self) -> Path | str:
        """The store's folder, file or address, for messages as well."""
        ...

    def manifest(self) -> Manifest:
        """Read the manifest. Raises `StoreError` for a damaged one."""
        ...

    def rows(self, manifest: Manifest) -> pa.Table:
        """Read the row table. Raises `StoreError` for a damaged one."""
        ...

    def statistics(self, spec: ArraySpec, clips: int) -> np.ndarray:
        """Read location and scale of each clip of a variant, `(clips, groups, 2)` float64."""
        ...

    def clips_per_file(self, manifest: Manifest) -> int:
        """Return how many clips of a variant one `ClipReader` reads: file n holds those from n times that on."""
        ...

    def open_clips(self, spec: ArraySpec, file: int, clips: int) -> ClipReader:
        """Open one file of a variant, in a store of that many `clips`. Raises `StoreError` for a damaged file."""
        ...


@dataclass(frozen=True)
class LocalStorage:
    """Base of storages on a file system.

    Parameters
    ----------
    path : Path
    check : bool
        Compare each clip that is read with its checksum.
    direct : bool
        Read past the page cache, where the system can.
    """

    fetches: ClassVar[bool] = False

    path: Path
    check: bool = False
    direct: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.check, self.direct)

    @cached_property
    def mappable(self) -> bool:
        """True if files may be mapped into memory."""
        return not (self.check or self.direct or on_network(self.path))
