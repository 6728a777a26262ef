"""Copies of clips into a batch past the processor's caches, in one call without Python's lock."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

VECTOR_BYTES = 64  # what non-temporal stores of the widest vectors are aligned to
UNROLLED = 4

# Smaller batches stay in the caches for whoever reads them next.
LEAST_BYTES = 4 << 20


def suits(batch: np.ndarray) -> bool:
    """Return True if `gather` can and should copy clips into this batch."""
    clip_bytes = batch[:1].nbytes
    return (
        batch.nbytes >= LEAST_BYTES
        and clip_bytes % (VECTOR_BYTES * UNROLLED) == 0
        and batch.ctypes.data % VECTOR_BYTES == 0
    )


def gather(sources: Sequence[int], batch: np.ndarray, places: Sequence[int]) -> None:
    """Copy clips from these addresses to these places of `batch` `(clips, ...)`.

    Non-temporal stores, which `memcpy` uses for single copies of tens of megabytes only, neither read what they
    overwrite nor drive anything out of the caches. The caller keeps the memory of the sources alive.
    """
    clip_bytes = batch[:1].nbytes
    targets = np.array(places, np.uintp) * np.uintp(clip_bytes) + np.uintp(batch.ctypes.data)
    _gather(np.array(sources, np.uintp), targets, clip_bytes)


@intrinsic
def _copy(context: Any, source: Any, clip_bytes: Any, target: Any) -> Any:
    """Copy `clip_bytes`, a multiple of 256, to a `target` that is aligned to 64; numba gives the context."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start, size, end = arguments
        vector, word = ir.VectorType(ir.IntType(64), VECTOR_BYTES // 8), size.type
        read, write = (builder.inttoptr(address, vector.as_pointer()) for address in (start, end))
        hint = builder.module.add_metadata([ir.IntType(32)(1)])
        with cgutils.for_range(builder, builder.udiv(size, word(VECTOR_BYTES * UNROLLED))) as loop:
            first = builder.mul(loop.index, word(UNROLLED))
            places = [builder.add(first, word(number)) for number in range(UNROLLED)]
            for place, value in [(at, builder.load(builder.gep(read, [at]), align=1)) for at in places]:
                store = builder.store(value, builder.gep(write, [place]), align=VECTOR_BYTES)
                store.set_metadata("nontemporal", hint)
        return context.get_dummy_value()

    return types.void(types.uintp, types.uintp, types.uintp), generate


@intrinsic
def _fence(context: Any) -> Any:
    """Let other threads see all stores before this: non-temporal stores are not ordered by themselves."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@numba.njit("void(uintp[::1], uintp[::1], uintp)", nogil=True, cache=True)
def _gather(sources: np.ndarray, targets: np.ndarray, clip_bytes: int) -> None:
    for number in range(len(sources)):
        _copy(sources[number], clip_bytes, targets[number])  # type: ignore[call-arg]
    _fence()  # type: ignore[call-arg]
