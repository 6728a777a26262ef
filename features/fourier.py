"""Short-time Fourier transform and its inverse, a block of frames at a time.

Definitions are those of librosa 0.11 (`stft`, `istft`): periodic Hann window, frames centred with zero padding.
A block of spectra is `(2, bins, frames)`: real and imaginary parts, and the frames of one bin are contiguous, so that
whatever is done to a bin is done to many frames at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.kernels import fft
from features.kernels.hops import end_to_end, side_by_side

BLOCK_FRAMES = 32  # of 2048 samples: half a megabyte between two passes of the transform, in L2 cache


@dataclass(frozen=True)
class Tables:
    """What a real transform of `n_fft` samples multiplies by, in one precision."""

    window: np.ndarray  # periodic Hann (n_fft,), over what `forward` multiplies by
    synthesis: np.ndarray  # the same over what `inverse` multiplies by
    radices: np.ndarray  # factors of n_fft / 2, in the order of the passes
    twiddles: np.ndarray
    turns: np.ndarray  # (bins, 2): cosine and sine of -2πk/n_fft

    @classmethod
    def of(cls, n_fft: int, dtype: type[np.floating]) -> "Tables":
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        radices = factors(n_fft // 2)
        turns = roots(np.arange(n_fft // 2 + 1), n_fft)
        return cls(
            window=(window / 2).astype(dtype),
            synthesis=(window / n_fft).astype(dtype),
            radices=np.array(radices, np.int64),
            twiddles=twiddles(radices).astype(dtype),
            turns=turns.astype(dtype),
        )


def roots(powers: np.ndarray, n: int) -> np.ndarray:
    """exp(-2πi · powers / n) as cosines and sines `(..., 2)` float64."""
    angles = -2 * np.pi * (powers % n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def factors(n: int) -> list[int]:
    """Fours first, then primes; their product is n."""
    found = []
    for factor in (4, *range(2, n + 1)):
        while n % factor == 0:
            found.append(factor)
            n //= factor
    return found


def twiddles(radices: list[int]) -> np.ndarray:
    """The factors of all passes of `kernels.fft.transform`, one pass after the other, float64."""
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


@dataclass(frozen=True)
class Fourier:
    """An STFT of `n_fft` samples every `hop_length` samples."""

    n_fft: int
    hop_length: int

    @property
    def bins(self) -> int:
        return self.n_fft // 2 + 1

    @cached_property
    def single(self) -> Tables:
        return Tables.of(self.n_fft, np.float32)

    @cached_property
    def double(self) -> Tables:
        return Tables.of(self.n_fft, np.float64)

    def frames(self, samples: int) -> int:
        """Number of centred frames of a signal of that many samples."""
        return 1 + (samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length

    def blocks(self, signal: np.ndarray, dtype: type[np.floating] = np.float32) -> Iterator[np.ndarray]:
        """Spectra of `(samples,)` float32, computed in `dtype`, block after block; each is valid until the next."""
        tables = self.single if dtype is np.float32 else self.double
        count = self.frames(len(signal))
        hops = self._hops(count)
        padded = np.zeros(hops.size, np.float32)
        used = signal[: hops.size - self.n_fft // 2]
        padded[self.n_fft // 2 : self.n_fft // 2 + len(used)] = used
        side_by_side(padded, hops)
        work = self._work(dtype)
        buffer = np.empty(2 * self.bins * BLOCK_FRAMES, dtype)
        for first in range(0, count, BLOCK_FRAMES):
            frames = min(BLOCK_FRAMES, count - first)
            block = buffer[: 2 * self.bins * frames].reshape(2, self.bins, frames)
            fft.forward(hops, first, tables.window, tables.radices, tables.twiddles, tables.turns, work, block)
            yield block

    def inverse(self, blocks: Iterable[np.ndarray], length: int) -> np.ndarray:
        """Inverse STFT of blocks of float32 spectra to `(length,)` float32 by weighted overlap-add.

        Frames past `length` are left out; what no frame covers is zero. Source: Griffin and Lim, 1984, as in
        librosa's `istft`.
        """
        half = self.n_fft // 2
        needed = -(-(length + 2 * half) // self.hop_length)
        hops = self._hops(needed)
        hops[:] = 0
        work, tables = self._work(np.float32), self.single
        count = 0
        for block in blocks:
            if count + block.shape[2] > needed:
                block = np.ascontiguousarray(block[:, :, : needed - count])
            fft.inverse(block, tables.synthesis, tables.radices, tables.twiddles, tables.turns, work, count, hops)
            count += block.shape[2]
            if count == needed:
                break
        self._divide_by_windows(hops, count)
        signal = np.empty(hops.size, np.float32)
        end_to_end(hops, signal)
        return signal[half : half + length]

    def _hops(self, frames: int) -> np.ndarray:
        """Uninitialised `(hop_length, hops)` float32 that so many frames fit into."""
        return np.empty((self.hop_length, frames + self._overlap), np.float32)

    @property
    def _overlap(self) -> int:
        """Hops that a frame reaches over, less the last part of one."""
        return -(-self.n_fft // self.hop_length)

    def _work(self, dtype: type[np.floating]) -> np.ndarray:
        return np.empty((4, self.n_fft // 2 * BLOCK_FRAMES), dtype)

    def _divide_by_windows(self, hops: np.ndarray, frames: int) -> None:
        """Divide each sample by the sum of the squared windows that it lies in, where there is any."""
        overlap = self._overlap
        squared = np.zeros((overlap, self.hop_length), np.float32)
        squared.reshape(-1)[: self.n_fft] = (2 * self.single.window) ** 2

        def divide(where: slice, parts: list[int]) -> None:
            weight = squared[parts].sum(axis=0)
            reciprocal = np.divide(1, weight, out=np.ones_like(weight), where=weight > np.finfo(np.float32).tiny)
            hops[:, where] *= reciprocal[:, np.newaxis]

        divide(slice(overlap - 1, frames), list(range(overlap)))  # under as many frames as can be
        for hop in {*range(min(overlap - 1, hops.shape[1])), *range(frames, hops.shape[1])}:
            divide(slice(hop, hop + 1), [part for part in range(overlap) if 0 <= hop - part < frames])
