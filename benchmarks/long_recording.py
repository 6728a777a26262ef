"""One long recording by `otogura predict`: time, and the most memory that the process has held.

python -m benchmarks.long_recording HOURS …     a line for each
"""

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import soundfile

from benchmarks.models import write_model
from benchmarks.scratch import scratch

RATE_HZ = 44100
KIB_PER_MIB = 1024


def main(hours: list[float]) -> None:
    print("| sound in h | time in s | times faster than it plays | largest resident memory in MiB |\n|---|---|---|---|")
    with scratch() as folder:
        write_model(folder / "model")
        for duration_h in hours:
            path = folder / "long.wav"
            write(path, duration_h)
            with open(folder / "answer.jsonl", "w") as answer:
                command = [sys.executable, "-m", "pipeline.commands.main", "predict", str(folder / "model"), str(path)]
                started_s = perf_counter()
                process = subprocess.Popen([*command, "--format", "jsonl", "--device", "cpu"], stdout=answer)
                _, status, used = os.wait4(process.pid, 0)  # of this process alone
            seconds = perf_counter() - started_s
            assert status == 0
            faster, memory = duration_h * 3600 / seconds, used.ru_maxrss / KIB_PER_MIB
            print(f"| {duration_h:g} | {seconds:.0f} | {faster:.0f} | {memory:.0f} |", flush=True)


def write(path: Path, duration_h: float) -> None:
    """Write noise that swells and fades, 16-bit mono."""
    noise = 0.2 * np.random.default_rng(0).standard_normal(60 * RATE_HZ) * np.hanning(60 * RATE_HZ)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, subtype="PCM_16") as sound:
        for _ in range(round(60 * duration_h)):
            sound.write(noise)


if __name__ == "__main__":
    main([float(hours) for hours in sys.argv[1:] or ("0.1", "1", "10")])
