"""Constants of `kernels.fft` for one length."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FftConstants:
    """Constants of a real transform of `n_fft` samples besides its window, in one precision."""

    radices: np.ndarray  # factors of n_fft / 2, in the order of the passes
    twiddles: np.ndarray  # flat, as `twiddles` returns them
    turns: np.ndarray  # (bins, 2): cosine and sine of -2πk/n_fft

    @classmethod
    def of(cls, n_fft: int, dtype: type[np.floating]) -> "FftConstants":
        radices = factors(n_fft // 2)
        turns = roots(np.arange(n_fft // 2 + 1), n_fft)
        return cls(np.array(radices, np.int64), twiddles(radices).astype(dtype), turns.astype(dtype))


def roots(powers: np.ndarray, n: int) -> np.ndarray:
    """Return exp(-2πi · powers / n) as cosines and sines `(..., 2)` float64."""
    angles = -2 * np.pi * (powers % n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def factors(n: int) -> list[int]:
    """Return factors whose product is n: fours first, then primes in ascending order."""
    radices = []
    for factor in (4, *range(2, n + 1)):
        while n % factor == 0:
            radices.append(factor)
            n //= factor
    return radices


def twiddles(radices: list[int]) -> np.ndarray:
    """Return the twiddle factors of all passes of `kernels.fft.transform`, flat float64, cosine before sine.

    A pass of radix 4 with m butterflies has 6·m values, a pass of any other radix r 2·m·r².
    """
    n = int(np.prod(radices))
    passes = [np.zeros(0)]
    for radix in radices:
        p, output, source = np.ogrid[: n // radix, :radix, :radix]
        if radix == 4:  # the butterfly itself is in the code
            passes.append(roots(p[..., 0] * output[..., 0][:, 1:], n).ravel())
        else:
            passes.append(roots(p * output + source * output * (n // radix), n).ravel())
        n //= radix
    return np.concatenate(passes)
