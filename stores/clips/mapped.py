"""Clips in a file that is mapped into memory."""

import mmap

import numpy as np

from stores.clips.base import as_bytes
from stores.files import damaged
from stores.layout import ArraySpec
from stores.positioned import File


class MappedClips:
    """Reader of a mapped file: clips are views of it, and reading one is copying memory.

    The file must not be cut short while it is mapped: an access beyond its end ends the process (SIGBUS).

    Parameters
    ----------
    file : File
        Not needed any more once it is mapped.
    spec : ArraySpec
    places : array of int64, shape (clips, 2)
        Offset and size in bytes of each clip in the file.

    Raises
    ------
    StoreError
        If the file ends before its clips do.
    """

    def __init__(self, file: File, spec: ArraySpec, places: np.ndarray) -> None:
        end = int(places.sum(axis=1).max())
        try:
            self._map = mmap.mmap(file.fileno(), end, access=mmap.ACCESS_READ)
        except ValueError:  # the file has fewer bytes
            raise damaged(file.path, "it was cut short") from None
        self._memory = np.frombuffer(self._map, np.uint8)
        self._start = self._memory.ctypes.data
        self._places = places
        self._shape, self._dtype = spec.clip_shape, np.dtype(spec.dtype)

    def read_into(self, number: int, values: np.ndarray) -> None:
        np.copyto(as_bytes(values), self.stored(number))

    def clip(self, number: int) -> np.ndarray:
        return self.stored(number).view(self._dtype).reshape(self._shape)

    def stored(self, number: int) -> np.ndarray:
        start, count = self._places[number].tolist()
        return self._memory[start : start + count]

    def address(self, number: int) -> int:
        return self._start + self._places.item(number, 0)

    def announce(self, number: int) -> None:
        if not hasattr(mmap, "MADV_WILLNEED"):
            return
        start, count = self._places[number].tolist()
        page = start - start % mmap.PAGESIZE
        self._map.madvise(mmap.MADV_WILLNEED, page, start + count - page)
