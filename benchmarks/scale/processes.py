"""Calls that a process of its own runs, in the folder of a site."""

import os
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pyarrow as pa

from benchmarks.scale.site import Site, synthesise
from benchmarks.scale.stages import STAGES

RUNS = 3
KIB_PER_MIB = 1024


def synthesised(folder: Path, clips: int) -> None:
    """Make a site in a folder."""
    os.chdir(folder)
    synthesise(clips)


@dataclass(frozen=True)
class Cost:
    """Cost of a stage: the shortest time in s, the least time of a processor in s, the most memory added in MiB."""

    seconds: float
    processor_s: float
    memory_mib: float


def measured(folder: Path, stage: str) -> Cost:
    """Run a stage some times; what it needs is prepared anew before each."""
    os.chdir(folder)
    pa.set_memory_pool(pa.system_memory_pool())  # as in the jobs
    costs = []
    for _ in range(RUNS):
        action = STAGES[stage](Site())
        resident_mib = _reset_peak()
        start_s, processor_start_s = perf_counter(), _processor_s()
        result = action()  # held until the memory is read
        costs.append(
            (perf_counter() - start_s, _processor_s() - processor_start_s, _status_mib("VmHWM") - resident_mib)
        )
        del action, result
    all_seconds, all_processor_s, all_memory_mib = zip(*costs, strict=True)
    return Cost(min(all_seconds), min(all_processor_s), max(all_memory_mib))


def _processor_s() -> float:
    """Return the time that this process and those that it has waited for have computed."""
    return sum(os.times()[:4])


def _reset_peak() -> float:
    """Let the kernel note the peak of the resident memory anew; return what is resident in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mib("VmRSS")


def _status_mib(field: str) -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{field}:")[2].split()[0]) / KIB_PER_MIB
