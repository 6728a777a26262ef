"""Time and memory of each stage of the work on corpora of many clips, six variants each, without their sound.

python -m benchmarks.scale [CLIPS …]     10000, 100000 and 1000000 by default: a million take 1.5 GB of disk

Each stage runs in a process of its own, three times. A line tells its shortest time; its least processor time, which
depends less on what else the machine does; the most memory that it has taken beyond what its process held before; and
the processor time of a clip in units of that at the size before.
"""

import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from benchmarks.scale.processes import measured, synthesised
from benchmarks.scale.stages import STAGES
from benchmarks.scratch import scratch

CLIPS = (10_000, 100_000, 1_000_000)
Result = TypeVar("Result")


def main(sizes: list[int]) -> None:
    print("| stage | clips | s | processor s | MiB | growth |\n|---|---|---|---|---|---|")
    before: dict[str, float] = {}
    with scratch() as folder:
        for clips in sizes:
            site = folder / str(clips)
            site.mkdir()
            apart(synthesised, site, clips)
            for stage in STAGES:
                cost = apart(measured, site, stage)
                per_clip_s = cost.processor_s / clips
                growth = f"{per_clip_s / before[stage]:.2f}" if before.get(stage) else ""
                figures = f"{cost.seconds:.2f} | {cost.processor_s:.2f} | {cost.memory_mib:.0f}"
                print(f"| {stage} | {clips} | {figures} | {growth} |", flush=True)
                before[stage] = per_clip_s
            shutil.rmtree(site)


def apart(function: Callable[..., Result], *arguments: object) -> Result:
    """Return the result of a function that runs in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


if __name__ == "__main__":
    main([int(clips) for clips in sys.argv[1:]] or list(CLIPS))
