"""Clips read by their positions in a file."""

from collections.abc import Sequence

import google_crc32c
import numpy as np

from stores.clips.base import as_bytes, copy_of
from stores.errors import StoreError
from stores.files import damaged
from stores.layout import ArraySpec
from stores.positioned import File


class PositionedClips:
    """Reader that asks the system for one clip at a time. A file that is cut short raises `StoreError`.

    Parameters
    ----------
    file : File
    spec : ArraySpec
    places : array of int64, shape (clips, 2)
        Offset and size in bytes of each clip in the file.
    checksums : sequence of int, optional
        CRC32C of each clip as it is stored; every clip that is read is then compared with its own.
    """

    def __init__(
        self, file: File, spec: ArraySpec, places: np.ndarray, checksums: Sequence[int] | np.ndarray | None = None
    ) -> None:
        self.file = file
        self._spec = spec
        self._places = places
        self._checksums = checksums

    def read_into(self, number: int, values: np.ndarray) -> None:
        self._read(number, as_bytes(values))

    def clip(self, number: int) -> np.ndarray:
        return copy_of(self, number, self._spec)

    def stored(self, number: int) -> np.ndarray:
        target = np.empty(self._places[number, 1], np.uint8)
        self._read(number, target)
        return target

    def address(self, number: int) -> None:
        return None

    def announce(self, number: int) -> None:
        self.file.announce(*self._places[number].tolist())

    def _read(self, number: int, target: np.ndarray) -> None:
        """Fill `target` with the bytes of a clip and compare them with their checksum."""
        start, count = self._places[number].tolist()
        path = self.file.path
        try:
            complete = self.file.read_into(start, target.data) == count
        except OSError as error:
            raise StoreError(f"{path}: clip {number} cannot be read ({error.strerror})") from error
        if not complete:
            raise damaged(path, f"it ends before clip {number} does")
        if self._checksums is not None and google_crc32c.value(target) != self._checksums[number]:
            raise damaged(path, f"clip {number} does not match its checksum")
