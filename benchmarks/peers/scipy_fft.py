"""Nothing but the Fourier transforms that six variants need, by scipy.fft in single precision.

Six forward and three inverse passes over blocks of 64 frames, which stay in the cache. Framing, windows and overlap-add
are left out. https://docs.scipy.org/doc/scipy-1.17.1/reference/generated/scipy.fft.rfft.html
"""

from collections.abc import Callable

import numpy as np
import scipy.fft

FORWARD, INVERSE, BLOCK = 6, 3, 64


def passes(frames: int, n_fft: int) -> Callable[[], None]:
    """A function that makes the nine passes over so many frames of noise."""
    samples = np.random.default_rng(0).standard_normal((BLOCK, n_fft), dtype=np.float32)
    spectra = scipy.fft.rfft(samples)

    def run() -> None:
        for _ in range(FORWARD):
            for start in range(0, frames, BLOCK):
                scipy.fft.rfft(samples[: frames - start])
        for _ in range(INVERSE):
            for start in range(0, frames, BLOCK):
                scipy.fft.irfft(spectra[: frames - start])

    return run
