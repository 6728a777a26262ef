"""Clips that are read by their positions first, and from a mapped file once that pays."""

from threading import Lock

import numpy as np

from stores.clips.mapped import MappedClips
from stores.clips.positioned import PositionedClips
from stores.layout import ArraySpec
from stores.positioned import File


class AdaptiveClips:
    """Reader that maps its file once as many clips have been read as the file holds, or when a view is asked for.

    The first access to each page of a mapping costs more than a positioned read, and every later one is without a call
    to the system.

    Parameters
    ----------
    file : File
    spec : ArraySpec
    places : array of int64, shape (clips, 2)
        Offset and size in bytes of each clip in the file.
    """

    def __init__(self, file: File, spec: ArraySpec, places: np.ndarray) -> None:
        self._spec, self._places = spec, places
        self._reader: PositionedClips | MappedClips = PositionedClips(file, spec, places)
        self._reads = 0
        self._mapping = Lock()

    def read_into(self, number: int, values: np.ndarray) -> None:
        reader = self._best()
        self._reads += 1
        reader.read_into(number, values)

    def clip(self, number: int) -> np.ndarray:
        return self._mapped().clip(number)

    def stored(self, number: int) -> np.ndarray:
        reader = self._best()
        self._reads += 1
        return reader.stored(number)

    def address(self, number: int) -> int | None:
        return self._best().address(number)

    def announce(self, number: int) -> None:
        self._reader.announce(number)

    def _best(self) -> PositionedClips | MappedClips:
        """Return the reader to use for the next clip."""
        return self._mapped() if self._reads >= len(self._places) else self._reader

    def _mapped(self) -> MappedClips:
        """Map the file unless that is done; whoever reads by position just now keeps it open."""
        reader = self._reader
        if isinstance(reader, MappedClips):
            return reader
        with self._mapping:
            if isinstance(self._reader, PositionedClips):
                self._reader = MappedClips(self._reader.file, self._spec, self._places)
            return self._reader
