"""Mel power of a block of spectra."""

import numpy as np

from features.kernels.compiled import compiled


@compiled("void(float32[:, :, ::1], int64[::1], int64[::1], float32[::1], int64, float32[:, ::1])")
def mel_power(
    spectra: np.ndarray, starts: np.ndarray, ends: np.ndarray, weights: np.ndarray, first: int, power: np.ndarray
) -> None:
    """Power of `(2, bins, frames)` spectra in mel bands, into the columns of `(bands, all frames)` from `first` on.

    Band b sums |spectrum|² over the bins from `starts[b]` to `ends[b]`, with as many of `weights`, which lie one band
    after the other: a mel filter is a triangle over a few bins, so most of a dense product would be with zeros.
    """
    frames = spectra.shape[2]
    at = 0
    for band in range(len(starts)):
        total = power[band, first : first + frames]
        total[:] = 0
        for k in range(starts[band], ends[band]):
            real, imag, weight = spectra[0, k], spectra[1, k], weights[at]
            at += 1
            for frame in range(frames):
                total[frame] += weight * (real[frame] * real[frame] + imag[frame] * imag[frame])
