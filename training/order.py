"""Items of an epoch and their order, in constant memory: an epoch can resume anywhere."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Literal

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
        """Return the numbers at these positions: int64, same shape."""
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
        """Return the numbers at these positions: int64, same shape."""
        positions = np.asarray(positions, dtype=np.int64)
        span = self.length * self.window
        windows, within = np.divmod(positions, span)
        inner = np.empty_like(positions)
        for window in np.unique(windows).tolist():
            here = windows == window
            inner[here] = Permutation(min(span, self.size - window * span), f"{self.key} {window}")(within[here])
        runs, member = np.divmod(windows * span + inner, self.length)
        full_runs = self.size // self.length
        order = Permutation(max(1, full_runs), self.key)(np.minimum(runs, max(0, full_runs - 1)))
        start = int(Permutation(self.size, f"{self.key} start")(np.zeros(1, np.int64))[0])
        return (np.where(runs < full_runs, order, runs) * self.length + member + start) % self.size


@dataclass(frozen=True)
class Items:
    """Items of one epoch, in their order before shuffling."""

    rows: np.ndarray  # (clips,) int64
    labels: np.ndarray  # (rows of the store,) int64
    variants: tuple[str, ...]
    choice: Literal["all", "one"]
    views: int
    key: str
    by_variant: bool  # all clips of a variant, then those of the next, as they lie on disk
    shown: np.ndarray | None = None  # (clips, variants) bool: the variants of each clip that are items; None: all

    def __len__(self) -> int:
        return self._once * self.views

    @property
    def _once(self) -> int:
        """Return the number of items of one view."""
        if self.choice == "one":
            return len(self.rows)
        return len(self.rows) * len(self.variants) if self._numbers is None else len(self._numbers)

    @cached_property
    def _numbers(self) -> np.ndarray | None:
        """Return the numbers of those items of one view that are shown, among all."""
        return None if self.shown is None else np.flatnonzero(self.shown.T if self.by_variant else self.shown)

    def at(self, places: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return row, variant number and number of the view of these items, all int64."""
        views, places = np.divmod(places, self._once)
        if self.choice == "all":
            places = places if self._numbers is None else self._numbers[places]
            if self.by_variant:
                variants, clips = np.divmod(places, len(self.rows))
            else:
                clips, variants = np.divmod(places, len(self.variants))
            return self.rows[clips], variants, views
        # Over as many views as there are variants, a clip shows each of them once, in an order of its own.
        shown = None if self.shown is None else self.shown[places]
        cycles, numbers = np.divmod(
            epoch * self.views + views, len(self.variants) if shown is None else shown.sum(axis=1)
        )
        return self.rows[places], turns(places, cycles, numbers, len(self.variants), self.key, shown), views


def turns(
    places: np.ndarray, cycles: np.ndarray, numbers: np.ndarray, size: int, key: str, shown: np.ndarray | None = None
) -> np.ndarray:
    """Return the values at `numbers` of a random order of range(size): another order for every place and cycle.

    Places, cycles and numbers are int64 of one shape, as are the values. An order is that of `size` random values,
    so that all of them are drawn at once. `shown` `(places, size)` bool are the values that come first in each order.
    """
    seed = np.frombuffer(blake2b(key.encode(), digest_size=8).digest(), "<u8")
    keys = scrambled(scrambled(places.astype(np.uint64), seed), cycles.astype(np.uint64))
    values = scrambled(keys[:, None], np.arange(size, dtype=np.uint64))
    if shown is not None:
        values = np.where(shown, values, np.iinfo(np.uint64).max)
    return np.take_along_axis(np.argsort(values, axis=1, kind="stable"), numbers[:, None], axis=1)[:, 0]


def scrambled(values: np.ndarray, key: np.uint64 | np.ndarray) -> np.ndarray:
    """Return the finaliser of SplitMix64 (Steele, Lea and Flood, 2014), keyed; wraps modulo 2**64."""
    mixed = values + key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
