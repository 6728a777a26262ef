"""A shuffled order in constant memory: any position can be asked for, so an epoch can resume anywhere."""

from dataclasses import dataclass
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
            left, right = right, left ^ (scrambled(right, key) & mask)
        return (left << bits) | right


@dataclass(frozen=True)
class Blocks:
    """An order of range(size) that keeps runs of `length` neighbours near each other: for disks that seek.

    The runs themselves are in random order, and within each window of `window` runs so are their members. Where runs
    begin is drawn as well, so that the odd run at the end is another one under another key.
    """

    size: int
    key: str
    length: int
    window: int

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """What stands at these positions: int64, same shape."""
        positions = np.asarray(positions, dtype=np.int64)
        span = self.length * self.window
        windows, within = np.divmod(positions, span)
        inner = np.empty_like(positions)
        for window in np.unique(windows).tolist():
            here = windows == window
            inner[here] = Permutation(min(span, self.size - window * span), f"{self.key} {window}")(within[here])
        runs, member = np.divmod(windows * span + inner, self.length)
        whole = self.size // self.length
        order = Permutation(max(1, whole), self.key)(np.minimum(runs, max(0, whole - 1)))
        start = int(Permutation(self.size, f"{self.key} start")(np.zeros(1, np.int64))[0])
        return (np.where(runs < whole, order, runs) * self.length + member + start) % self.size


def scrambled(values: np.ndarray, key: np.uint64 | np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014), keyed; wraps modulo 2**64."""
    mixed = values + key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
