"""Addition of numpy's standard normals, bit for bit, to a signal."""

from functools import cache
from math import erfc, exp, log, pi, sqrt

import numpy as np

from features.kernels.noise import LONGEST, TAIL, add_noise

_LAYERS = 256
_ACROSS = 2.0**23  # the steps in which a number crosses its layer
_WORDS_PER_NUMBER = 1.03  # 1.0222 on average


def plus_noise(signal: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Return `signal` plus `amplitude` times `rng.standard_normal(samples, dtype=np.float32)`, `(samples,)` float32.

    A generator keeps half of 64 bits when it gives 32; this one must have none left, as after float64 draws.
    """
    noisy = np.empty_like(signal)
    words = np.empty(0, np.uint32)
    while not add_noise(words, *layers(), amplitude, signal, noisy):
        pairs = int(_WORDS_PER_NUMBER * len(signal)) // 2 + LONGEST
        more = rng.bit_generator.random_raw(pairs).astype("<u8", copy=False).view("<u4")
        words = np.concatenate([words, more]) if len(words) else more
    return noisy


@cache
def layers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ziggurat for float32: per layer its width and that of its inside, in steps, and its height."""

    def density(x: float) -> float:
        return exp(-x * x / 2)

    area = TAIL * density(TAIL) + sqrt(pi / 2) * erfc(TAIL / sqrt(2))
    edges = [0.0] * (_LAYERS - 1) + [TAIL]
    for layer in range(_LAYERS - 2, 0, -1):
        edges[layer] = sqrt(-2 * log(area / edges[layer + 1] + density(edges[layer + 1])))
    # Layer 0 is as wide as a box of its area would be, and leads into the tail.
    widths = np.array([area / density(TAIL), *edges[1:]])
    insides = np.array([TAIL, *edges[:-1]])
    return (
        (widths / _ACROSS).astype(np.float32),
        np.round(insides / widths * _ACROSS).astype(np.uint32),
        np.exp(-np.square(edges) / 2).astype(np.float32),
    )
