"""A signal with its hops side by side, and back: sample i of successive hops, and of frames, is then contiguous."""

import numpy as np

from features.kernels.compiled import compiled

_TILE = 16  # hops whose current cache lines stay at hand


@compiled("void(float32[::1], int64, float32[:, ::1])")
def side_by_side(signal: np.ndarray, lead: int, hops: np.ndarray) -> None:
    """Copy `(samples,)` to `(hop_length, hops)` after `lead` zeros; it is padded with zeros or cut at its end."""
    hop_length, count = hops.shape
    for start in range(0, count, _TILE):
        tile = min(_TILE, count - start)
        first = start * hop_length - lead
        if first >= 0 and first + tile * hop_length <= len(signal):
            source = signal[first:]
            for i in range(hop_length):
                target = hops[i, start : start + tile]
                for hop in range(tile):
                    target[hop] = source[hop * hop_length + i]
        else:
            for i in range(hop_length):
                for hop in range(tile):
                    at = first + hop * hop_length + i
                    hops[i, start + hop] = signal[at] if 0 <= at < len(signal) else 0


@compiled("void(float32[:, ::1], int64, float32[::1])")
def end_to_end(hops: np.ndarray, lead: int, signal: np.ndarray) -> None:
    """Copy `(hop_length, hops)` to `(samples,)`, from sample `lead` on; zeros after the last hop."""
    hop_length, count = hops.shape
    for start in range(0, count, _TILE):
        tile = min(_TILE, count - start)
        first = start * hop_length - lead
        if first >= 0 and first + tile * hop_length <= len(signal):
            target = signal[first:]
            for i in range(hop_length):
                source = hops[i, start : start + tile]
                for hop in range(tile):
                    target[hop * hop_length + i] = source[hop]
        else:
            for i in range(hop_length):
                for hop in range(tile):
                    at = first + hop * hop_length + i
                    if 0 <= at < len(signal):
                        signal[at] = hops[i, start + hop]
    signal[max(0, count * hop_length - lead) :] = 0
