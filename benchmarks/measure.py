"""Timing several ways of doing one thing in turn."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

RUNS = 7


@dataclass(frozen=True)
class Row:
    """One line of the table. `ours` and `other` in `unit`; `ratio` is above 1 where otogura is faster."""

    name: str
    ours: float
    other: float
    other_name: str
    unit: str
    ratio: float


def medians(
    *functions: Callable[[], object], before: Callable[[], object] = gc.collect, runs: int | None = None
) -> list[float]:
    """Median seconds of each, called in turn; a first call of each does not count, nor does `before` each call."""

    def seconds(function: Callable[[], object]) -> float:
        before()
        start = perf_counter()
        function()
        return perf_counter() - start

    rounds = [[seconds(function) for function in functions] for _ in range(1 + (runs or RUNS))]
    return [median(times) for times in zip(*rounds[1:], strict=True)]


def row(name: str, unit: str, ours_s: float, other_s: float, other_name: str) -> Row:
    """A row of two times in seconds, told in milliseconds."""
    return Row(name, 1000 * ours_s, 1000 * other_s, other_name, unit, other_s / ours_s)
