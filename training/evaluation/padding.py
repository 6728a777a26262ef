"""Real part of a tensor's time axis, without the frames that pad it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RealSpan:
    """Part of the time axis that shows the recording.

    Attributes
    ----------
    begin, end : int
        Frames (or samples) from `begin` to the one before `end` are real.
    sources : array of int64, shape (frames,)
        The frame that each frame repeats; a frame that repeats none stands for itself.
    """

    begin: int
    end: int
    sources: np.ndarray

    @property
    def frames(self) -> int:
        return self.end - self.begin


def real_span(values: np.ndarray) -> RealSpan:
    """Return the real part of a clip's tensor as stored: `(…, rows, frames)` or `(samples,)`.

    Short clips are reflected on both sides, bit for bit, and short waveforms are followed by zeros. Of what looks
    padded by chance, such as silence at both ends, frames that are equal count as one.
    """
    frames = values.shape[-1]
    if values.ndim == 1:
        sounding = np.flatnonzero(values)
        return RealSpan(0, int(sounding[-1]) + 1 if len(sounding) else frames, np.arange(frames))
    columns = np.ascontiguousarray(values.reshape(-1, frames).T)
    _, number = np.unique(columns.view(np.dtype((np.void, columns[0].nbytes))), return_inverse=True)
    number = number.ravel()  # equal for equal frames
    counts = np.arange(2, frames)
    ends = (frames - counts) // 2 + counts
    for count in counts[number[ends] == number[ends - 2]].tolist():  # the first frame after the end mirrors at once
        left = (frames - count) // 2
        sources = np.pad(np.arange(left, left + count), (left, frames - left - count), mode="reflect")
        if np.array_equal(number, number[sources]):
            return RealSpan(left, left + count, sources)
    return RealSpan(0, frames, np.arange(frames))
