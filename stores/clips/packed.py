"""Clips that are stored compressed."""

from pathlib import Path

import numpy as np

from stores.clips.base import StoredBytes, as_bytes, copy_of
from stores.codec import codec
from stores.files import damaged
from stores.layout import ArraySpec


class PackedClips:
    """Reader that decompresses what another reader gives.

    Parameters
    ----------
    source : StoredBytes
    spec : ArraySpec
        With a compression.
    path : Path
        The file, for messages.
    """

    def __init__(self, source: StoredBytes, spec: ArraySpec, path: Path) -> None:
        assert spec.compression is not None
        self._source = source
        self._spec = spec
        self._codec = codec(spec.compression)
        self._path = path

    def read_into(self, number: int, values: np.ndarray) -> None:
        stored = self._source.stored(number)
        try:
            self._codec.decode(stored, as_bytes(values))
        except (RuntimeError, ValueError):  # from numcodecs
            raise damaged(self._path, f"clip {number} cannot be decompressed") from None

    def clip(self, number: int) -> np.ndarray:
        return copy_of(self, number, self._spec)

    def address(self, number: int) -> None:
        return None

    def announce(self, number: int) -> None:
        self._source.announce(number)
