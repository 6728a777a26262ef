"""White Gaussian noise added to a signal, by the ziggurat of numpy's generator.

Marsaglia and Tsang, "The ziggurat method for generating random variables", 2000. The density is covered by 256 layers
of equal area; a number falls into a layer and, but for one in eighty, into its inside, where nothing is left to decide.
Calls into a generator for each number take twice the time of this loop over bits that were drawn beforehand.
"""

import numpy as np

from features.kernels.compiled import compiled, part

TAIL = 3.6541528853610088  # where the lowest layer's tail begins
LONGEST = 64  # words that one number may take; the odds of more are below 1e-20

_UNIT = np.float32(2.0**-24)


@part
def uniform(word: np.uint32) -> np.float32:
    """Return a number in [0, 1)."""
    return np.float32(word >> np.uint32(8)) * _UNIT


@compiled("boolean(uint32[::1], float32[::1], uint32[::1], float32[::1], float32, float32[::1], float32[::1])")
def add_noise(
    words: np.ndarray,
    widths: np.ndarray,
    insides: np.ndarray,
    heights: np.ndarray,
    amplitude: float,
    signal: np.ndarray,
    noisy: np.ndarray,
) -> bool:
    """Fill `noisy` with `signal` plus `amplitude` times standard normals, both `(samples,)` float32.

    From random `words`; False if there were too few. The tables are `features.normal.layers`.
    """
    tail, per_tail = np.float32(TAIL), np.float32(1 / TAIL)
    at, last = 0, len(words) - LONGEST
    for i in range(len(signal)):
        while True:
            if at > last:
                return False
            word = words[at]
            at += 1
            layer, across = word & np.uint32(0xFF), word >> np.uint32(9)
            normal = np.float32(across) * widths[layer]
            if word & np.uint32(0x100):
                normal = -normal
            if across < insides[layer]:
                break
            if layer == 0:
                beyond, above = np.float32(1), np.float32(0)
                while above + above <= beyond * beyond:
                    beyond = -per_tail * np.log1p(-uniform(words[at]))
                    above = -np.log1p(-uniform(words[at + 1]))
                    at += 2
                normal = -(tail + beyond) if across & np.uint32(0x100) else tail + beyond
                break
            height = heights[layer] + (heights[layer - 1] - heights[layer]) * uniform(words[at])
            at += 1
            if height < np.exp(-0.5 * np.float64(normal) * np.float64(normal)):
                break
        noisy[i] = signal[i] + amplitude * normal
    return True
