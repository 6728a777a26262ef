"""How the kernels are compiled."""

from collections.abc import Callable
from typing import TypeVar

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(*signatures: str) -> Callable[[Kernel], Kernel]:
    """Compile for these types when the module is imported, or load what an earlier import compiled.

    The machine code is cached on disk (in `__pycache__`, else in the user's cache, or where NUMBA_CACHE_DIR says), so
    that a worker starts at once. Multiplication and addition may be fused; sums keep their order, so that
    nothing depends on how wide the processor's vectors are.
    """
    return numba.njit(  # type: ignore[return-value]
        list(signatures), cache=True, error_model="numpy", fastmath={"contract"}, nogil=True
    )
