"""Compilation of the kernels by numba."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])

# Multiplication and addition may be fused; sums keep their order, so that nothing depends on how wide the processor's
# vectors are. The cache does not notice when these options change: remove `__pycache__` then.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}


def compiled(*signatures: str) -> Callable[[Kernel], Kernel]:
    """Compile for these types when the module is imported, or load what an earlier import compiled.

    The machine code is cached on disk (in `__pycache__`, else in the user's cache, or where NUMBA_CACHE_DIR says), so
    that a worker starts at once.
    """
    return numba.njit(list(signatures), cache=True, **_OPTIONS)  # type: ignore[return-value]  # a Dispatcher is one


def part(function: Kernel) -> Kernel:
    """Compile as a part of the kernels in the same file; one of another file would not be noticed when it changes."""
    return numba.njit(**_OPTIONS)(function)
