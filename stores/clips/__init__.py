"""Readers of clips behind one protocol, one file each: positioned, mapped, adaptive (the one, then the other), packed.

They read local files. A reader of an object store (range requests) takes its place beside them: it implements
`ClipReader`, has no addresses, and its storage (see `stores.storage`) hands it out.
"""

from collections.abc import Sequence

import numpy as np

from stores.clips.adaptive import AdaptiveClips
from stores.clips.base import ClipReader
from stores.clips.mapped import MappedClips
from stores.clips.packed import PackedClips
from stores.clips.positioned import PositionedClips
from stores.layout import ArraySpec
from stores.positioned import File

__all__ = ["AdaptiveClips", "ClipReader", "MappedClips", "PackedClips", "PositionedClips", "reader_of"]


def reader_of(
    file: File,
    spec: ArraySpec,
    places: np.ndarray,
    *,
    mappable: bool,
    checksums: Sequence[int] | np.ndarray | None = None,
) -> ClipReader:
    """Return the reader for the clips of a local file.

    Parameters
    ----------
    file : File
    spec : ArraySpec
    places : array of int64, shape (clips, 2)
        Offset and size in bytes of each clip in the file.
    mappable : bool
        Let the file be mapped where that pays; its clips are then not compared with checksums, since what is compared
        would not be what is read later.
    checksums : sequence of int, optional
        CRC32C of each clip as it is stored.
    """
    reader: AdaptiveClips | PositionedClips
    reader = AdaptiveClips(file, spec, places) if mappable else PositionedClips(file, spec, places, checksums)
    return PackedClips(reader, spec, file.path) if spec.compression else reader
