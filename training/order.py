"""A shuffled order in constant memory: any position can be asked for, so an epoch can resume anywhere."""

from hashlib import blake2b

import numpy as np

ROUNDS = 6  # a Feistel network of four rounds is a pseudo-random permutation; two more cost nothing here


class Permutation:
    """A keyed permutation of range(size): a Feistel network over the next even power of two, walked until in range.

    Source: Luby and Rackoff, 1988; cycle walking as in Black and Rogaway, 2002.
    """

    def __init__(self, size: int, key: str) -> None:
        self.size = size
        self._half_bits = max(1, (max(1, size - 1).bit_length() + 1) // 2)
        digest = blake2b(key.encode(), digest_size=8 * ROUNDS).digest()
        self._keys = np.frombuffer(digest, dtype="<u8")

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """What stands at these positions: int64, same shape."""
        values = np.asarray(positions, dtype=np.uint64)
        values = self._encrypt(values)
        while (outside := values >= self.size).any():
            values = np.where(outside, self._encrypt(values), values)
        return values.astype(np.int64)

    def _encrypt(self, values: np.ndarray) -> np.ndarray:
        bits = np.uint64(self._half_bits)
        mask = np.uint64((1 << self._half_bits) - 1)
        left, right = values >> bits, values & mask
        for key in self._keys:
            left, right = right, left ^ (_mix(right, key) & mask)
        return (left << bits) | right


def _mix(values: np.ndarray, key: np.uint64) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014), keyed; wraps modulo 2**64."""
    mixed = values + key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
