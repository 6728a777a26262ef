"""Fourier transforms of many frames at once: one lane of a vector register for each frame.

A library transforms one frame after the other and has to shuffle inside a register, since the butterflies of one
transform reach across it. Here the frames lie side by side, so that each step of the algorithm is the same
multiplication or addition for all of them, on whole registers.

The transform is Stockham's (Cochran and others, "What is the fast Fourier transform?", 1967): it sorts itself while
going back and forth between two arrays. A real transform of 2n samples is a complex one of n, with even samples as real
and odd ones as imaginary parts (Cooley, Lewis and Welch, 1970).
"""

import numpy as np

from features.kernels.compiled import compiled, part


@part
def radix_4(
    xr: np.ndarray, xi: np.ndarray, yr: np.ndarray, yi: np.ndarray, count: int, run: int, twiddles: np.ndarray
) -> None:
    """Run one pass of `count` butterflies, each of four contiguous runs of x to four of y."""
    apart = count * run
    for p in range(count):
        w = twiddles[6 * p : 6 * p + 6]
        w1, w2, w3 = complex(w[0], w[1]), complex(w[2], w[3]), complex(w[4], w[5])
        at = p * run
        ar, ai = xr[at : at + run], xi[at : at + run]
        at += apart
        br, bi = xr[at : at + run], xi[at : at + run]
        at += apart
        cr, ci = xr[at : at + run], xi[at : at + run]
        at += apart
        dr, di = xr[at : at + run], xi[at : at + run]
        at = 4 * p * run
        y0r, y0i = yr[at : at + run], yi[at : at + run]
        at += run
        y1r, y1i = yr[at : at + run], yi[at : at + run]
        at += run
        y2r, y2i = yr[at : at + run], yi[at : at + run]
        at += run
        y3r, y3i = yr[at : at + run], yi[at : at + run]
        for i in range(run):
            a, b, c, d = complex(ar[i], ai[i]), complex(br[i], bi[i]), complex(cr[i], ci[i]), complex(dr[i], di[i])
            turned = complex(b.imag - d.imag, d.real - b.real)  # -i (b - d)
            y0, y1 = (a + c) + (b + d), ((a - c) + turned) * w1
            y2, y3 = ((a + c) - (b + d)) * w2, ((a - c) - turned) * w3
            y0r[i], y0i[i], y1r[i], y1i[i] = y0.real, y0.imag, y1.real, y1.imag
            y2r[i], y2i[i], y3r[i], y3i[i] = y2.real, y2.imag, y3.real, y3.imag


@part
def any_radix(
    xr: np.ndarray,
    xi: np.ndarray,
    yr: np.ndarray,
    yi: np.ndarray,
    radix: int,
    count: int,
    run: int,
    twiddles: np.ndarray,
) -> None:
    """Run one pass as `radix_4` does, for any number of runs, by the sum that defines a transform.

    Twiddles hold the factor from each input of each butterfly to each of its outputs.
    """
    apart = count * run
    for p in range(count):
        for output in range(radix):
            at = (radix * p + output) * run
            r, j = yr[at : at + run], yi[at : at + run]
            r[:] = 0
            j[:] = 0
            for source in range(radix):
                at = 2 * ((radix * p + output) * radix + source)
                wr, wi = twiddles[at], twiddles[at + 1]
                at = p * run + source * apart
                a, b = xr[at : at + run], xi[at : at + run]
                for i in range(run):
                    r[i] += a[i] * wr - b[i] * wi
                    j[i] += a[i] * wi + b[i] * wr


@part
def transform(
    xr: np.ndarray,
    xi: np.ndarray,
    yr: np.ndarray,
    yi: np.ndarray,
    lanes: int,
    radices: np.ndarray,
    twiddles: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Transform complex `(n · lanes,)` x; the product of the radices is n. Returns the pair that holds the result.

    With real and imaginary parts in each other's place, in and out, it is the inverse without its factor 1/n.
    """
    count, run, at = len(xr) // lanes, lanes, 0
    for radix in radices:
        count //= radix
        if radix == 4:
            radix_4(xr, xi, yr, yi, count, run, twiddles[at:])
            at += 6 * count
        else:
            any_radix(xr, xi, yr, yi, radix, count, run, twiddles[at:])
            at += 2 * count * radix * radix
        run *= radix
        xr, xi, yr, yi = yr, yi, xr, xi
    return xr, xi


@part
def load(hops: np.ndarray, first: int, window: np.ndarray, lanes: int, xr: np.ndarray, xi: np.ndarray) -> None:
    """Load windowed frames: even samples to `(n_fft / 2 · lanes,)` xr, odd ones to xi."""
    row, column = 0, first
    for sample in range(len(window)):
        source, weight = hops[row, column : column + lanes], window[sample]
        at = sample // 2 * lanes
        target = xr[at : at + lanes] if sample % 2 == 0 else xi[at : at + lanes]
        for i in range(lanes):
            target[i] = source[i] * weight
        row += 1
        if row == len(hops):
            row, column = 0, column + 1


@part
def add(xr: np.ndarray, xi: np.ndarray, window: np.ndarray, lanes: int, first: int, hops: np.ndarray) -> None:
    """Add windowed frames to where `load` would find them."""
    row, column = 0, first
    for sample in range(len(window)):
        target, weight = hops[row, column : column + lanes], window[sample]
        at = sample // 2 * lanes
        source = xr[at : at + lanes] if sample % 2 == 0 else xi[at : at + lanes]
        for i in range(lanes):
            target[i] += source[i] * weight
        row += 1
        if row == len(hops):
            row, column = 0, column + 1


@part
def split(xr: np.ndarray, xi: np.ndarray, turns: np.ndarray, spectra: np.ndarray) -> None:
    """Compute twice the spectrum of the real signal from the transform of its even and odd samples."""
    lanes, half = spectra.shape[2], spectra.shape[1] - 1
    for k in range(half + 1):
        here, mirrored = k % half * lanes, (half - k) % half * lanes
        ar, ai, br, bi = xr[here:], xi[here:], xr[mirrored:], xi[mirrored:]
        cos, sin = turns[k, 0], turns[k, 1]
        to_r, to_i = spectra[0, k], spectra[1, k]
        for i in range(lanes):
            odd_r, odd_i = ai[i] + bi[i], br[i] - ar[i]  # -i (a - conj b)
            to_r[i] = ar[i] + br[i] + odd_r * cos - odd_i * sin
            to_i[i] = ai[i] - bi[i] + odd_r * sin + odd_i * cos


@part
def split_power(xr: np.ndarray, xi: np.ndarray, turns: np.ndarray, power: np.ndarray) -> None:
    """Compute the squared magnitude of the spectrum that `split` computes."""
    lanes, half = power.shape[1], power.shape[0] - 1
    for k in range(half + 1):
        here, mirrored = k % half * lanes, (half - k) % half * lanes
        ar, ai, br, bi = xr[here:], xi[here:], xr[mirrored:], xi[mirrored:]
        cos, sin = turns[k, 0], turns[k, 1]
        target = power[k]
        for i in range(lanes):
            odd_r, odd_i = ai[i] + bi[i], br[i] - ar[i]
            real = ar[i] + br[i] + odd_r * cos - odd_i * sin
            imag = ai[i] - bi[i] + odd_r * sin + odd_i * cos
            target[i] = real * real + imag * imag


@part
def join(spectra: np.ndarray, turns: np.ndarray, xr: np.ndarray, xi: np.ndarray) -> None:
    """Compute twice the input of `split`. The imaginary parts of the first and the last bin count as zero."""
    lanes, half = spectra.shape[2], spectra.shape[1] - 1
    for k in range(half):
        ar, ai, br, bi = spectra[0, k], spectra[1, k], spectra[0, half - k], spectra[1, half - k]
        cos, sin = turns[k, 0], turns[k, 1]
        to_r, to_i = xr[k * lanes : (k + 1) * lanes], xi[k * lanes : (k + 1) * lanes]
        for i in range(lanes):
            odd_r, odd_i = ar[i] - br[i], ai[i] + bi[i]
            to_r[i] = ar[i] + br[i] - odd_i * cos + odd_r * sin
            to_i[i] = ai[i] - bi[i] + odd_r * cos + odd_i * sin
    first, last = spectra[0, 0], spectra[0, half]
    for i in range(lanes):
        xr[i] = first[i] + last[i]
        xi[i] = first[i] - last[i]


@compiled(
    "void(float32[:, ::1], int64, float64[::1], int64[::1], float64[::1], float64[:, ::1], float64[:, ::1], "
    "float32[:, :, ::1])"
)
def forward(
    hops: np.ndarray,
    first: int,
    window: np.ndarray,
    radices: np.ndarray,
    twiddles: np.ndarray,
    turns: np.ndarray,
    work: np.ndarray,
    spectra: np.ndarray,
) -> None:
    """Compute twice the spectra `(2, bins, frames)`, real and imaginary, of windowed frames from number `first` on.

    In float64, and rounded to float32 at the end.

    `hops` `(hop_length, hops)` is the signal, one hop a column, so that sample i of successive frames is contiguous.
    """
    lanes = spectra.shape[2]
    size = len(window) // 2 * lanes
    xr, xi, yr, yi = work[0, :size], work[1, :size], work[2, :size], work[3, :size]
    load(hops, first, window, lanes, xr, xi)
    xr, xi = transform(xr, xi, yr, yi, lanes, radices, twiddles)
    split(xr, xi, turns, spectra)


@compiled(
    "void(float32[:, ::1], int64, float32[::1], int64[::1], float32[::1], float32[:, ::1], float32[:, ::1], "
    "float32[:, ::1])"
)
def forward_power(
    hops: np.ndarray,
    first: int,
    window: np.ndarray,
    radices: np.ndarray,
    twiddles: np.ndarray,
    turns: np.ndarray,
    work: np.ndarray,
    power: np.ndarray,
) -> None:
    """Compute the squared magnitude `(bins, frames)` of the spectra that `forward` computes."""
    lanes = power.shape[1]
    size = len(window) // 2 * lanes
    xr, xi, yr, yi = work[0, :size], work[1, :size], work[2, :size], work[3, :size]
    load(hops, first, window, lanes, xr, xi)
    xr, xi = transform(xr, xi, yr, yi, lanes, radices, twiddles)
    split_power(xr, xi, turns, power)


@compiled(
    "void(float32[:, :, ::1], float32[::1], int64[::1], float32[::1], float32[:, ::1], float32[:, ::1], int64, "
    "float32[:, ::1])"
)
def inverse(
    spectra: np.ndarray,
    window: np.ndarray,
    radices: np.ndarray,
    twiddles: np.ndarray,
    turns: np.ndarray,
    work: np.ndarray,
    first: int,
    hops: np.ndarray,
) -> None:
    """Add n_fft times the frames of `(2, bins, frames)` spectra, windowed, to where `forward` would find them."""
    lanes = spectra.shape[2]
    size = len(window) // 2 * lanes
    xr, xi, yr, yi = work[0, :size], work[1, :size], work[2, :size], work[3, :size]
    join(spectra, turns, xr, xi)
    xi, xr = transform(xi, xr, yi, yr, lanes, radices, twiddles)
    add(xr, xi, window, lanes, first, hops)
