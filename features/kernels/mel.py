"""Power of a block of spectra, in bins and in mel bands."""

import numpy as np

from features.kernels.compiled import compiled


@compiled("void(float32[:, :, ::1], float32[:, ::1])")
def squared(spectra: np.ndarray, power: np.ndarray) -> None:
    """Compute the squared magnitudes `(bins, frames)` of `(2, bins, frames)`."""
    for k in range(len(power)):
        real, imag, target = spectra[0, k], spectra[1, k], power[k]
        for frame in range(len(target)):
            target[frame] = real[frame] * real[frame] + imag[frame] * imag[frame]


@compiled("void(float32[:, ::1], int64[::1], int64[::1], float32[::1], int64, float32[:, ::1])")
def mel_power(
    power: np.ndarray, starts: np.ndarray, ends: np.ndarray, weights: np.ndarray, first: int, mel: np.ndarray
) -> None:
    """Sum power `(bins, frames)` in mel bands, into the columns of `(bands, all frames)` from `first` on.

    Band b sums the bins from `starts[b]` to `ends[b]` with as many of `weights`, which lie one band after the other: a
    mel filter is a triangle over a few bins, so most of a dense product would be with zeros.
    """
    frames = power.shape[1]
    at = 0
    for band in range(len(starts)):
        total = mel[band, first : first + frames]
        total[:] = 0
        for k in range(starts[band], ends[band]):
            source, weight = power[k], weights[at]
            at += 1
            for frame in range(frames):
                total[frame] += weight * source[frame]
