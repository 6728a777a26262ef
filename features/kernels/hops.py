"""A signal with its hops side by side, and back."""

import numpy as np

from features.kernels.compiled import compiled

_TILE = 16  # hops whose current cache lines stay at hand


@compiled("void(float32[::1], float32[:, ::1])")
def side_by_side(signal: np.ndarray, hops: np.ndarray) -> None:
    """`(hops · hop_length,)` to `(hop_length, hops)`."""
    hop_length, count = hops.shape
    for start in range(0, count, _TILE):
        tile = min(_TILE, count - start)
        source = signal[start * hop_length :]
        for i in range(hop_length):
            target = hops[i, start : start + tile]
            for hop in range(tile):
                target[hop] = source[hop * hop_length + i]


@compiled("void(float32[:, ::1], float32[::1])")
def end_to_end(hops: np.ndarray, signal: np.ndarray) -> None:
    """`(hop_length, hops)` to `(hops · hop_length,)`."""
    hop_length, count = hops.shape
    for start in range(0, count, _TILE):
        tile = min(_TILE, count - start)
        target = signal[start * hop_length :]
        for i in range(hop_length):
            source = hops[i, start : start + tile]
            for hop in range(tile):
                target[hop * hop_length + i] = source[hop]
