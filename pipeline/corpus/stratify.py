"""Stratified assignment of groups to sides: every class has its share of groups on every side."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa

NAMES_AT_ONCE = 1 << 16


def stratified(
    groups: np.ndarray,
    labels: np.ndarray,
    names: pa.Array,
    shares: Sequence[float],
    seed: int,
    previous: np.ndarray,
) -> np.ndarray:
    """Return the side of each group: `previous`, with the groups of these clips added that have none.

    Classes are taken from the rarest to the commonest, so that a group of several classes counts for its rarest; within
    a class, groups in the order of a keyed hash of their names. They go where their class lacks most.

    Parameters
    ----------
    groups, labels : array of int64, shape (clips,)
        Number of each clip's group and class.
    names : pyarrow.Array of strings
        Names of all groups, which the order depends on.
    shares : sequence of float
        Of train, validation and test; they add up to 1. A side whose share is 0 gets no group.
    seed : int
    previous : array of int8, shape (names,)
        Side of each group, -1 if it has none.
    """
    if (previous[groups] >= 0).all():
        return previous
    sides = previous.copy()
    order = _keys(names, seed)
    pairs = np.sort(labels * len(names) + groups)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # each class with each of its groups, once
    classes, members = np.divmod(pairs, max(1, len(names)))
    starts = np.flatnonzero(np.diff(classes, prepend=-1))
    by_class = np.split(members, starts[1:])
    for number in sorted(range(len(by_class)), key=lambda number: len(by_class[number])):
        here = by_class[number][np.argsort(order[by_class[number]], kind="stable")]
        new = here[sides[here] < 0]
        have = np.bincount(sides[here][sides[here] >= 0], minlength=len(shares))
        sides[new] = _most_lacking(have, len(new), shares)
    return sides


def targets(count: int, shares: Sequence[float]) -> np.ndarray:
    """Return how many of `count` groups each side should have, int64: to within one of its share.

    Three groups or more put one on every side; of two, one trains and one tests (or validates where none is to test); a
    single one trains.
    """
    exact = np.asarray(shares) * count
    counts = np.floor(exact + 1e-9).astype(np.int64)
    # The largest remainders; of equal ones the later side, which has fewer.
    rest = np.argsort(counts - exact - np.arange(len(exact)) * 1e-9, kind="stable")
    counts[rest[: count - counts.sum()]] += 1
    needed = np.flatnonzero(np.asarray(shares) > 0)
    if count <= 2:
        counts[:] = 0
        counts[needed[[0, -1]][:count]] = 1
    else:
        for side in needed[counts[needed] == 0]:
            counts[side] += 1
            counts[np.argmax(counts)] -= 1
    return counts


def _most_lacking(have: np.ndarray, new: int, shares: Sequence[float]) -> np.ndarray:
    """Return a side for each of `new` groups of a class of which the sides `have` so many already, int8."""
    lacking = np.maximum(targets(int(have.sum()) + new, shares) - have, 0)
    sides = np.repeat(np.arange(len(shares), dtype=np.int8), lacking)
    urgency = np.concatenate([np.arange(count, 0, -1) for count in lacking])
    return sides[np.lexsort([-sides, -urgency])[:new]]


def _keys(names: pa.Array, seed: int) -> np.ndarray:
    """Return 64 bits of a hash of each name, uint64."""
    prefix = f"{seed}\0"
    digests = b"".join(
        b"".join([blake2b(f"{prefix}{name}".encode(), digest_size=8).digest() for name in part.to_pylist()])
        for part in (names.slice(start, NAMES_AT_ONCE) for start in range(0, len(names), NAMES_AT_ONCE))
    )
    return np.frombuffer(digests, "<u8")
