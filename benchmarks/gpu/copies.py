"""Copies of batches from the memory of the host to a device."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.gpu.devices import finished
from benchmarks.gpu.sizes import Sizes
from benchmarks.measure import medians

REPEATS = 20  # one copy may take less than a millisecond


@dataclass(frozen=True)
class Copy:
    """Speed of copies of one batch of float16 tensors from pinned or pageable memory."""

    memory: str
    megabytes: float
    gigabytes_per_s: float


def copies(device: torch.device, sizes: Sizes) -> Iterator[Copy]:
    """Measure copies from pageable memory and, where there is a GPU, from pinned memory."""
    shape = (sizes.copy_batch, 128, sizes.frames, 4)
    sources = {"pageable": torch.zeros(shape, dtype=torch.float16)}
    if device.type == "cuda":
        sources["pinned"] = sources["pageable"].pin_memory()
    target = torch.empty(shape, dtype=torch.float16, device=device)

    def copy_from(source: torch.Tensor) -> None:
        for _ in range(REPEATS):
            target.copy_(source, non_blocking=True)

    functions = [finished(device, partial(copy_from, source)) for source in sources.values()]
    size = target.nbytes
    for memory, seconds in zip(sources, medians(*functions, runs=sizes.runs), strict=True):
        yield Copy(memory, size / 1e6, REPEATS * size / seconds / 1e9)
