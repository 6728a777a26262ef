"""Clips in one open file: read by their positions, and mapped into memory where that pays."""

import mmap
from collections.abc import Sequence
from threading import Lock

import google_crc32c
import numpy as np

from stores.codec import codec
from stores.errors import StoreError
from stores.files import damaged
from stores.layout import ArraySpec
from stores.positioned import File, page_aligned


class OpenClips:
    """Clips in one open file, which is closed when nothing refers to this any more.

    A file is mapped once as many clips have been read as it holds: the first access to each page of a mapping costs
    more than a positioned read, and every later one is without a call to the system. The file of a mapping must not be
    cut short: an access beyond its end ends the process (SIGBUS), where a positioned read raises `StoreError`.

    Parameters
    ----------
    places : array of int64, shape (clips, 2)
        Where each clip begins in the file, and how many bytes it has there.
    mappable : bool
        Whether the file may be mapped at all.
    checksums : sequence of int, optional
        CRC32C of each clip as it is stored, which is then compared; only where the file is not mapped, so that what is
        compared is what was read.
    """

    def __init__(
        self,
        file: File,
        spec: ArraySpec,
        places: np.ndarray,
        *,
        mappable: bool,
        checksums: Sequence[int] | np.ndarray | None = None,
    ) -> None:
        self._path = file.path
        self._shape, self._dtype = spec.clip_shape, np.dtype(spec.dtype)
        self._codec = codec(spec.compression) if spec.compression else None
        self._places = places
        self._mappable = mappable
        self._checksums = checksums
        self._reads = 0
        self._source: File | np.ndarray = file  # or the bytes of the mapped file, once and for all
        self._map: mmap.mmap | None = None
        self._address = 0
        self._mapping = Lock()

    def address(self, number: int) -> int | None:
        """Return the address of a clip in memory, valid as long as this object lives; None where it is to be read."""
        if self._codec is not None or isinstance(self._best_source(), File):
            return None
        return self._address + int(self._places[number, 0])

    def clip(self, number: int) -> np.ndarray:
        """A read-only view of the mapped file, or a copy where it may not be mapped or is compressed."""
        if self._mappable and self._codec is None:
            return self._part(self._mapped(), number).view(self._dtype).reshape(self._shape)
        values = page_aligned(self._shape, self._dtype)
        self.read_into(number, values)
        return values

    def read_into(self, number: int, values: np.ndarray) -> None:
        """Fill a contiguous array of a clip's shape and type. Raises `StoreError` for a damaged file."""
        target = values.reshape(-1).view(np.uint8)
        source = self._best_source()
        self._reads += 1
        if self._codec is not None:
            stored = self._read(source, number) if isinstance(source, File) else self._part(source, number)
            try:
                self._codec.decode(stored, target)
            except (RuntimeError, ValueError):  # what numcodecs raises
                raise damaged(self._path, f"clip {number} cannot be decompressed") from None
        elif isinstance(source, File):
            self._read(source, number, target)
        else:
            np.copyto(target, self._part(source, number))

    def announce(self, number: int) -> None:
        """Let the system read a clip that will be asked for soon."""
        start, count = self._places[number].tolist()
        source = self._source
        if isinstance(source, File):
            source.announce(start, count)
        elif self._map is not None and hasattr(mmap, "MADV_WILLNEED"):
            page = start - start % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, page, start + count - page)

    def _best_source(self) -> File | np.ndarray:
        """What the next clip is read from: the file, or its bytes in memory."""
        pays = self._mappable and self._reads >= len(self._places)
        return self._mapped() if pays else self._source

    def _mapped(self) -> np.ndarray:
        """The bytes of the file, which is mapped if it was not."""
        if not isinstance(self._source, File):
            return self._source
        with self._mapping:
            if isinstance(self._source, File):
                end = int(self._places.sum(axis=1).max())
                try:
                    self._map = mmap.mmap(self._source.fileno(), end, access=mmap.ACCESS_READ)
                except ValueError:  # the file has fewer bytes
                    raise damaged(self._path, "it was cut short") from None
                source = np.frombuffer(self._map, np.uint8)
                self._address = source.ctypes.data
                self._source = source  # whoever reads from the file just now keeps it open
            return self._source

    def _part(self, memory: np.ndarray, number: int) -> np.ndarray:
        start, count = self._places[number].tolist()
        return memory[start : start + count]

    def _read(self, file: File, number: int, target: np.ndarray | None = None) -> np.ndarray:
        """The bytes of a clip as they are in the file, compared with their checksum."""
        start, count = self._places[number].tolist()
        stored = np.empty(count, np.uint8) if target is None else target
        try:
            complete = file.read_into(start, stored.data) == count
        except OSError as error:
            raise StoreError(f"{self._path}: clip {number} cannot be read ({error.strerror})") from error
        if not complete:
            raise damaged(self._path, f"it ends before clip {number} does")
        if self._checksums is not None and google_crc32c.value(stored) != self._checksums[number]:
            raise damaged(self._path, f"clip {number} does not match its checksum")
        return stored
