"""Compression of clips by codecs of the Zarr v3 registry, in the encoding of numcodecs, which is zarr-python's.

https://github.com/zarr-developers/zarr-extensions/tree/main/codecs
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numcodecs.abc import Codec

Compression = Literal["zstd", "blosc"]

ZSTD_LEVEL = 3
BLOSC_COMPRESSOR, BLOSC_LEVEL = "lz4", 5


@cache
def codec(compression: Compression) -> "Codec":
    """Return a codec; `blosc` is lz4 of the first bytes of all values and then of the second ones."""
    from numcodecs import Blosc, Zstd, blosc  # a tenth of a second that other stores do without

    if compression == "zstd":
        return Zstd(ZSTD_LEVEL)
    blosc.use_threads = False  # workers and streams have their own, and the bytes must not depend on how many
    return Blosc(BLOSC_COMPRESSOR, BLOSC_LEVEL, Blosc.SHUFFLE)


def codec_metadata(compression: Compression, itemsize: int) -> dict[str, Any]:
    """Return the codec as the metadata of a Zarr array names it whose values have `itemsize` bytes."""
    if compression == "zstd":
        return {"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": False}}
    options = {"cname": BLOSC_COMPRESSOR, "clevel": BLOSC_LEVEL, "shuffle": "shuffle"}
    return {"name": "blosc", "configuration": {**options, "typesize": itemsize, "blocksize": 0}}
