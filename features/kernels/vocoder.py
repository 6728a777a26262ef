"""Phase vocoder on unit phasors.

Flanagan and Golden, 1966, with librosa 0.11's conventions (`phase_vocoder`): output frame k has the magnitude
interpolated at input frame k·rate, and its phase advances by the phase difference of the two input frames around
that point. The expected advance of the textbook cancels modulo 2π, and a phase difference is the product of one unit
phasor with the conjugate of the other, so no angle is ever taken: accumulating the phase in float32, as librosa does,
is only good to 26 dB.
"""

import numpy as np

from features.kernels.compiled import compiled, part

_TILE = 128  # bins at a time, so that rows are turned into columns within the cache


@part
def transpose(rows: np.ndarray, columns: np.ndarray) -> None:
    """Copy `(n, m)` to `(m, n)`."""
    for i in range(rows.shape[1]):
        for j in range(rows.shape[0]):
            columns[i, j] = rows[j, i]


@compiled("void(float32[:, :, ::1], int64, float32[:, ::1], float32[:, ::1], float32[:, ::1])")
def polar(spectra: np.ndarray, first: int, magnitude: np.ndarray, real: np.ndarray, imag: np.ndarray) -> None:
    """Write magnitudes and unit phasors of `(2, bins, frames)` spectra to `(all frames, bins)` from `first` on.

    A bin that is zero points to 1. In float64 on the way, where no square of a float32 underflows.
    """
    bins, frames = spectra.shape[1:]
    parts = np.empty((3, _TILE, frames), np.float32)
    for start in range(0, bins, _TILE):
        count = min(_TILE, bins - start)
        for k in range(count):
            x, y = spectra[0, start + k], spectra[1, start + k]
            to_magnitude, to_real, to_imag = parts[0, k], parts[1, k], parts[2, k]
            for frame in range(frames):
                a, b = np.float64(x[frame]), np.float64(y[frame])
                length = np.sqrt(a * a + b * b)
                inverse = 1 / length if length > 0 else 0.0
                to_magnitude[frame] = length
                to_real[frame] = a * inverse if length > 0 else 1.0
                to_imag[frame] = b * inverse
        rows, columns = slice(first, first + frames), slice(start, start + count)
        transpose(parts[0, :count], magnitude[rows, columns])
        transpose(parts[1, :count], real[rows, columns])
        transpose(parts[2, :count], imag[rows, columns])


@compiled(
    "void(float32[:, ::1], float32[:, ::1], float32[:, ::1], float64, int64, float32[:, ::1], float32[:, :, ::1])"
)
def vocode(
    magnitude: np.ndarray,
    real: np.ndarray,
    imag: np.ndarray,
    rate: float,
    first: int,
    running: np.ndarray,
    stretched: np.ndarray,
) -> None:
    """Fill `stretched` `(2, bins, frames)` with the output frames from number `first` on.

    `magnitude`, `real` and `imag` `(all frames and more, bins)` are `polar`'s, and frames of magnitude 0 and phasor 1
    after the last. The running phasors `(2, bins)` are carried from call to call. Rounding lets their lengths drift,
    so each product is divided by its length, to first order.
    """
    half, three_halves = np.float32(0.5), np.float32(1.5)
    bins, frames = stretched.shape[1:]
    parts = np.empty((2, frames, _TILE), np.float32)
    for start in range(0, bins, _TILE):
        count = min(_TILE, bins - start)
        tile = slice(start, start + count)
        a, b = running[0, tile], running[1, tile]
        for frame in range(frames):
            time = (first + frame) * rate
            here = int(time)
            later = np.float32(time - here)
            sooner = np.float32(1) - later
            m0, r0, i0 = magnitude[here, tile], real[here, tile], imag[here, tile]
            m1, r1, i1 = magnitude[here + 1, tile], real[here + 1, tile], imag[here + 1, tile]
            to_real, to_imag = parts[0, frame], parts[1, frame]
            for k in range(count):
                level = sooner * m0[k] + later * m1[k]
                to_real[k] = a[k] * level
                to_imag[k] = b[k] * level
                turn_r, turn_i = r1[k] * r0[k] + i1[k] * i0[k], i1[k] * r0[k] - r1[k] * i0[k]
                x, y = a[k] * turn_r - b[k] * turn_i, a[k] * turn_i + b[k] * turn_r
                shorten = three_halves - half * (x * x + y * y)
                a[k] = x * shorten
                b[k] = y * shorten
        for side in range(2):
            for k in range(count):
                target = stretched[side, start + k]
                for frame in range(frames):
                    target[frame] = parts[side, frame, k]
