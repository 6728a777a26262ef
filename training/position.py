"""Places in the epochs of a stream."""

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
