"""Small pictures of sixteen colours, inside a page."""

import base64
import struct
import zlib

import matplotlib
import numpy as np

COLOURS = 16
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def raster(values: np.ndarray, colours: str) -> str:
    """Return an address of the picture of `values` `(rows, columns)`: a PNG file in base64, the last row at the top.

    A hundredth of the values is below the first of sixteen colours, and as many are above the last.

    Parameters
    ----------
    values : array of float
    colours : str
        Name of one of matplotlib's colour maps.
    """
    lowest, highest = np.quantile(values, [0.01, 0.99])
    shares = (values - lowest) / max(highest - lowest, np.finfo(float).tiny)
    levels = np.clip(shares * COLOURS, 0, COLOURS - 1).astype(np.uint8)
    palette = (matplotlib.colormaps[colours](np.linspace(0, 1, COLOURS))[:, :3] * 255).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(_png(levels[::-1], palette)).decode()


def _png(levels: np.ndarray, palette: np.ndarray) -> bytes:
    """Return a PNG file of `levels` `(rows, columns)`, two pixels a byte, by a palette `(16, 3)`."""
    rows, columns = levels.shape
    pairs = np.pad(levels, ((0, 0), (0, columns % 2)))
    lines = np.pad(pairs[:, ::2] << 4 | pairs[:, 1::2], ((0, 0), (1, 0)))  # each begins with the number of its filter
    header = struct.pack(">IIBBBBB", columns, rows, 4, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
