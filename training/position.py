"""Places in the epochs of a stream, and in its batches."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Order = Callable[[np.ndarray], np.ndarray]  # numbers of `Items` at some positions of an epoch


@dataclass(frozen=True)
class Position:
    """Position in an epoch, in clips over all ranks."""

    epoch: int
    seen: int


@dataclass(frozen=True)
class Epoch:
    """One pass over the items, from position `start` on."""

    number: int
    order: Order
    start: int


def part_of(batch: int, rank: int, ranks: int) -> tuple[int, int]:
    """Return where the part of a rank begins and ends in a batch of all ranks; parts differ by one clip at most."""
    return batch * rank // ranks, batch * (rank + 1) // ranks
