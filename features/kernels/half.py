"""Rounding to float16 (IEEE 754, binary16) by integer arithmetic, which vectorises on any processor."""

import numpy as np

from features.kernels.compiled import compiled, part

_MANTISSA_BITS_LOST = np.uint32(23 - 10)
_EXPONENT_BIAS_LOST = np.uint32((127 - 15) << 23)
_LARGEST = np.float32(65504)
_SMALLEST_NORMAL = np.float32(2.0**-14)
_ONE_HALF = np.float32(0.5)
_BITS_OF_ONE_HALF = np.uint32(126 << 23)


@part
def half_bits(value: np.float32) -> np.uint16:
    """Return a float32 as bits of float16: rounded to nearest, ties to even, clipped to ±65 504. Not for NaN."""
    size = min(np.float32(abs(value)), _LARGEST)
    bits = np.float32(size).view(np.uint32)
    odd = (bits >> _MANTISSA_BITS_LOST) & np.uint32(1)
    normal = (bits - _EXPONENT_BIAS_LOST + np.uint32(0xFFF) + odd) >> _MANTISSA_BITS_LOST
    # Beside 0.5 the last bit of a float32 is the smallest float16, so that the addition rounds.
    subnormal = np.float32(size + _ONE_HALF).view(np.uint32) - _BITS_OF_ONE_HALF
    rounded = normal if size >= _SMALLEST_NORMAL else subnormal
    sign = (np.float32(value).view(np.uint32) >> np.uint32(16)) & np.uint32(0x8000)
    return np.uint16(rounded | sign)


@compiled("void(float32[:, :, ::1], int64, uint16[:, :, ::1])")
def interleave_half(planes: np.ndarray, first: int, values: np.ndarray) -> None:
    """Write planes `(4, rows, frames)` as float16 bits to `values` `(rows, more frames, 4)` from frame `first` on."""
    halves = np.empty((4, planes.shape[2]), np.uint16)
    for row in range(planes.shape[1]):
        for channel in range(4):
            source, target = planes[channel, row], halves[channel]
            for frame in range(len(source)):
                target[frame] = half_bits(source[frame])
        together = values[row, first:]
        for frame in range(planes.shape[2]):
            for channel in range(4):
                together[frame, channel] = halves[channel, frame]
