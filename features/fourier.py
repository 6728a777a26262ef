"""Short-time Fourier transform and its inverse, a block of frames at a time.

Definitions are those of librosa 0.11 (`stft`, `istft`): periodic Hann window, frames centred with zero padding.
A block of spectra is `(2, bins, frames)`: real and imaginary parts, and the frames of one bin are contiguous, so that
an operation on a bin is one on many frames at once.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.alignment import APART, aligned
from features.fft_constants import FftConstants
from features.kernels import fft
from features.kernels.hops import end_to_end, side_by_side

BLOCK_FRAMES = 64  # of 2048 samples: half a megabyte to each side of a pass of the transform


@dataclass(frozen=True)
class Fourier:
    """STFT of `n_fft` samples every `hop_length` samples."""

    n_fft: int
    hop_length: int

    @property
    def bins(self) -> int:
        return self.n_fft // 2 + 1

    @cached_property
    def window(self) -> np.ndarray:
        """Periodic Hann window `(n_fft,)` float64."""
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_fft) / self.n_fft)

    @cached_property
    def single(self) -> FftConstants:
        return FftConstants.of(self.n_fft, np.float32)

    @cached_property
    def double(self) -> FftConstants:
        return FftConstants.of(self.n_fft, np.float64)

    def frames(self, samples: int) -> int:
        """Return the number of centred frames of a signal of that many samples."""
        return 1 + (samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length

    def spectra(self, signal: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the spectra of `(samples,)` float32, block after block, rounded to float32 from float64."""
        return self._blocks(fft.forward, self.double, signal, (2, self.bins))

    def power(self, signal: np.ndarray) -> Iterator[np.ndarray]:
        """Yield squared magnitudes `(bins, frames)` of the spectra of `(samples,)`, block after block, in float32."""
        return self._blocks(fft.forward_power, self.single, signal, (self.bins,))

    def _blocks(
        self, kernel: Callable[..., None], constants: FftConstants, signal: np.ndarray, shape: tuple[int, ...]
    ) -> Iterator[np.ndarray]:
        dtype = constants.turns.dtype.type
        window = (self.window / 2).astype(dtype)  # the kernels give twice the spectrum
        count = self.frames(len(signal))
        hops = aligned((self.hop_length, count + self._overlap - 1), np.float32)
        side_by_side(signal, self.n_fft // 2, hops)
        work = self._work(dtype)
        for first in range(0, count, BLOCK_FRAMES):
            block = aligned((*shape, min(BLOCK_FRAMES, count - first)), np.float32)
            kernel(hops, first, window, constants.radices, constants.twiddles, constants.turns, work, block)
            yield block

    def inverse(self, blocks: Iterable[np.ndarray], length: int) -> np.ndarray:
        """Invert the STFT: blocks of float32 spectra to `(length,)` float32 by weighted overlap-add.

        Frames past `length` are left out; what no frame covers is zero. Source: Griffin and Lim, 1984, as in
        librosa's `istft`.
        """
        half = self.n_fft // 2
        needed = -(-(length + 2 * half) // self.hop_length)
        hops = np.zeros((self.hop_length, needed + self._overlap - 1), np.float32)
        # Divided beforehand by the squared windows over a sample, and by n_fft times that the kernel gives too much.
        everywhere = np.resize(_or_one(self._squared_windows.sum(axis=0)), self.n_fft)
        window = (self.window / everywhere / self.n_fft).astype(np.float32)
        constants = self.single
        work = self._work(np.float32)
        count = 0
        for block in blocks:
            if count + block.shape[2] > needed:
                block = np.ascontiguousarray(block[:, :, : needed - count])
            fft.inverse(block, window, constants.radices, constants.twiddles, constants.turns, work, count, hops)
            count += block.shape[2]
            if count == needed:
                break
        self._mend_edges(hops, count)
        signal = np.empty(length, np.float32)
        end_to_end(hops, half, signal)
        return signal

    def _work(self, dtype: type[np.floating]) -> np.ndarray:
        """Return the buffers of the kernels' passes."""
        return aligned((4, self.n_fft // 2 * BLOCK_FRAMES + APART // np.dtype(dtype).itemsize), dtype)

    @property
    def _overlap(self) -> int:
        """Number of hops that a frame reaches into."""
        return -(-self.n_fft // self.hop_length)

    @cached_property
    def _squared_windows(self) -> np.ndarray:
        """Squares of the window, hop by hop: `(overlap, hop_length)` float64."""
        squares = np.zeros((self._overlap, self.hop_length))
        squares.reshape(-1)[: self.n_fft] = self.window**2
        return squares

    def _mend_edges(self, hops: np.ndarray, frames: int) -> None:
        """Correct the hops under fewer frames than overlap, which were divided by too much."""
        squares = self._squared_windows
        everywhere = _or_one(squares.sum(axis=0))
        for hop in {*range(min(self._overlap - 1, hops.shape[1])), *range(frames, hops.shape[1])}:
            here = [part for part in range(self._overlap) if 0 <= hop - part < frames]
            hops[:, hop] *= everywhere / _or_one(squares[here].sum(axis=0))


def _or_one(weights: np.ndarray) -> np.ndarray:
    """Return the weights, with 1 in place of those that are 0."""
    return np.where(weights > np.finfo(np.float32).tiny, weights, 1.0)
