"""Short-time Fourier transform and its inverse, in blocks that stay in the cache.

Definitions are those of librosa 0.11 (`stft`, `istft`): periodic Hann window, frames centred with zero padding.
Spectra here are frame-major, `(frames, bins)`, so that a frame is contiguous.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft

# 64 frames of 2048 float32 samples fit into half a megabyte of L2 cache.
BLOCK_FRAMES = 64


def in_blocks(spectrum: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """A whole spectrum `(frames, bins)` as the blocks that `Fourier.blocks` would give."""
    for start in range(0, len(spectrum), BLOCK_FRAMES):
        where = slice(start, start + BLOCK_FRAMES)
        yield where, spectrum[where]


@dataclass(frozen=True)
class Fourier:
    """An STFT of `n_fft` samples every `hop_length` samples."""

    n_fft: int
    hop_length: int

    @property
    def bins(self) -> int:
        return self.n_fft // 2 + 1

    @cached_property
    def window(self) -> np.ndarray:
        """Periodic Hann window `(n_fft,)` float64."""
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_fft) / self.n_fft)

    def frames(self, samples: int) -> int:
        """Number of centred frames of a signal of that many samples."""
        return 1 + (samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length

    def blocks(self, signal: np.ndarray, dtype: type[np.floating] = np.float32) -> Iterator[tuple[slice, np.ndarray]]:
        """Spectra of `(samples,)`, block by block, computed in `dtype`: `(slice of frames, (frames, bins))`."""
        padded = np.pad(signal, self.n_fft // 2)
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop_length]
        window = self.window.astype(dtype)
        for start in range(0, len(windows), BLOCK_FRAMES):
            block = windows[start : start + BLOCK_FRAMES] * window
            yield slice(start, start + len(block)), scipy.fft.rfft(block, overwrite_x=True)

    def forward(self, signal: np.ndarray) -> np.ndarray:
        """STFT of `(samples,)` float32: `(frames, bins)` complex64, rounded from float64.

        A phase vocoder carries phases on, so a bin that is silent to float32's rounding for a while would sound
        with a random phase from then on.
        """
        spectrum = np.empty((self.frames(len(signal)), self.bins), np.complex64)
        for where, block in self.blocks(signal, np.float64):
            spectrum[where] = block
        return spectrum

    def inverse(self, spectrum: np.ndarray, length: int) -> np.ndarray:
        """Inverse STFT of `(frames, bins)` complex64 to `(length,)` float32 by weighted overlap-add.

        Frames past `length` are left out; what no frame covers is zero. Source: Griffin and Lim, 1984, as in
        librosa's `istft`.
        """
        half = self.n_fft // 2
        frames = min(len(spectrum), -(-(length + 2 * half) // self.hop_length))
        overlap = -(-self.n_fft // self.hop_length)
        signal = np.zeros((frames + overlap - 1, self.hop_length), np.float32)
        window = self.window.astype(np.float32)
        for start in range(0, frames, BLOCK_FRAMES):
            block = scipy.fft.irfft(spectrum[start : min(start + BLOCK_FRAMES, frames)], n=self.n_fft)
            block *= window
            self._overlap_add(signal[start:], block)
        weight = self._window_sum_squares(frames)
        np.divide(signal, weight, out=signal, where=weight > np.finfo(np.float32).tiny)
        trimmed = signal.reshape(-1)[half : half + length]
        return np.pad(trimmed, (0, length - len(trimmed)))

    def _overlap_add(self, signal: np.ndarray, block: np.ndarray) -> None:
        """Add frames `(frames, n_fft)` to a signal cut into hops, `(hops, hop_length)`, from its first hop on."""
        for hop, first in enumerate(range(0, self.n_fft, self.hop_length)):
            part = block[:, first : first + self.hop_length]
            signal[hop : hop + len(part), : part.shape[1]] += part

    def _window_sum_squares(self, frames: int) -> np.ndarray:
        """Squared windows of `frames` frames, overlap-added: `(hops, hop_length)` float32."""
        overlap = -(-self.n_fft // self.hop_length)
        total = np.zeros((frames + overlap - 1, self.hop_length), np.float32)
        self._overlap_add(total, np.broadcast_to(self.window.astype(np.float32) ** 2, (frames, self.n_fft)))
        return total
