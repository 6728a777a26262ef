"""Random draws for many recordings at once, bit for bit as `generator` in `features.draws` gives them one by one.

Philox 4×64 with ten rounds (Salmon et al., 2011) computes its numbers from a key and a counter, so that those of many
keys are the same arithmetic on arrays.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from features.draws import generator, philox_keys

ROUNDS = 10
MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
WORDS = 4  # that one counter gives
LOW_32 = np.uint64(0xFFFFFFFF)


class ManyGenerators:
    """Generators of many recordings for one variant and seed, for those draws that are uniform.

    Parameters
    ----------
    content_hashes : sequence of bytes
    variant : str
    seed : int
    """

    def __init__(self, content_hashes: Sequence[bytes], variant: str, seed: int) -> None:
        self._keys = np.frombuffer(philox_keys(content_hashes, variant, seed), "<u8").reshape(-1, 2).astype(np.uint64)
        self._drawn = 0
        self._words: list[np.ndarray] = []

    def uniform(self, low: float, high: float) -> np.ndarray:
        """Draw a number from [low, high) for each recording: `(recordings,)` float64."""
        counter, word = divmod(self._drawn, WORDS)
        if word == 0:
            self._words = philox(self._keys, 1 + counter)
        self._drawn += 1
        unit = (self._words[word] >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return low + (high - low) * unit


def philox(keys: np.ndarray, counter: int) -> list[np.ndarray]:
    """Return the four words, uint64 `(keys,)` each, that Philox 4×64-10 gives for a counter under each of the keys.

    Parameters
    ----------
    keys : array of uint64, shape (keys, 2)
    counter : int
    """
    first, second = keys[:, 0], keys[:, 1]
    words = [np.zeros(len(keys), np.uint64) for _ in range(WORDS)]
    words[0] += np.uint64(counter)
    for number in range(ROUNDS):
        if number:
            first, second = first + np.uint64(WEYL[0]), second + np.uint64(WEYL[1])
        (high_0, low_0), (high_1, low_1) = (_product(words[2 * half], MULTIPLIERS[half]) for half in range(2))
        words = [high_1 ^ words[1] ^ first, low_1, high_0 ^ words[3] ^ second, low_0]
    return words


def _product(values: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the upper and the lower 64 bits of products of 64 bits by 64."""
    shift = np.uint64(32)
    factor_high, factor_low = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    high, low = values >> shift, values & LOW_32
    middle = high * factor_low + (low * factor_low >> shift)
    carried = low * factor_high + (middle & LOW_32)
    return high * factor_high + (middle >> shift) + (carried >> shift), values * np.uint64(factor)


@cache
def as_numpy_draws() -> bool:
    """Return True if numpy draws the same numbers here, over some recordings.

    On processors that multiply and add in one step its last bits may be rounded otherwise, and another version of numpy
    may change its streams.
    """
    recordings = [number.to_bytes(16, "little") for number in range(256)]
    many = ManyGenerators(recordings, "", 0)
    single = [generator(recording, "", 0) for recording in recordings]
    bounds = ((15.0, 30.0), (-0.2, 0.2), (0.85, 1.15), (2000.0, 8000.0), (0.1, 0.5))
    return all(many.uniform(*pair).tolist() == [one.uniform(*pair) for one in single] for pair in bounds)
