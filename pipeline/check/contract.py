"""Checks of a contract, one after the other."""

import random
import timeit
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

Check = Callable[[], str | None]  # returns what is worth to be said; raises what is wrong
RUNS = 5


class Broken(Exception):
    """Part that does not keep its contract; the text says what was expected and found."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of one check.

    Attributes
    ----------
    name : str
        What the contract says.
    passed : bool
    remark : str
        What is wrong, or worth to be said.
    """

    name: str
    passed: bool
    remark: str


def outcomes(checks: Mapping[str, Check]) -> Iterator[Outcome]:
    """Run checks, and yield what comes of them; one that fails for whatever reason hinders none of the others."""
    for name, check in checks.items():
        try:
            remark = check() or ""
        except Broken as broken:
            yield Outcome(name, False, str(broken))
        except Exception as error:  # noqa: BLE001  # a user's code may raise anything
            yield Outcome(name, False, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        else:
            yield Outcome(name, True, remark)


def expect(condition: object, fault: str) -> None:
    """Raise `Broken` with the fault unless the condition holds."""
    if not condition:
        raise Broken(fault)


def milliseconds(work: Callable[[], object]) -> float:
    """Return the time of some work that has run once before; the fastest of a few runs."""
    work()
    return 1000 * min(timeit.repeat(work, number=1, repeat=RUNS))


@contextmanager
def global_state_kept() -> Iterator[None]:
    """Raise `Broken` if the block draws from the global generators of Python or numpy."""
    before = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002  # which are looked at
    yield
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    expect(random.getstate() == before[0], "expected draws from the generator that is given, got some from `random`")
    expect(repr(state) == repr(before[1]), "expected draws from the generator that is given, got some from `np.random`")
