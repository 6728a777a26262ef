"""The contract of clip readers."""

from typing import Protocol

import numpy as np

from stores.layout import ArraySpec
from stores.positioned import page_aligned


class ClipReader(Protocol):
    """Reader of the clips in one file (or object) of a store, numbered from 0 in their order there.

    Threads may share a reader. It holds at most one file descriptor, which is closed when nothing refers to the reader
    any more. A number beyond the last clip raises `IndexError`.
    """

    def read_into(self, number: int, values: np.ndarray) -> None:
        """Fill a contiguous array of a clip's shape and type. Raises `StoreError` for a damaged file."""
        ...

    def clip(self, number: int) -> np.ndarray:
        """Return a clip: a read-only view of a mapped file, or a copy. Raises `StoreError` for a damaged file."""
        ...

    def address(self, number: int) -> int | None:
        """Return the address of a clip in memory, valid as long as the reader lives; None if it does not lie there."""
        ...

    def announce(self, number: int) -> None:
        """Let the system fetch a clip that will be asked for soon."""
        ...


class StoredBytes(Protocol):
    """Reader of clips as they are stored, which may be compressed."""

    def stored(self, number: int) -> np.ndarray:
        """Return the stored bytes of a clip, `(bytes,)` uint8. Raises `StoreError` for a damaged file."""
        ...

    def announce(self, number: int) -> None:
        """Let the system fetch a clip that will be asked for soon."""
        ...


def copy_of(reader: ClipReader, number: int, spec: ArraySpec) -> np.ndarray:
    """Read a clip into an array of its own."""
    values = page_aligned(spec.clip_shape, np.dtype(spec.dtype))
    reader.read_into(number, values)
    return values


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Return the memory of a contiguous array, `(bytes,)` uint8."""
    return values.reshape(-1).view(np.uint8)
