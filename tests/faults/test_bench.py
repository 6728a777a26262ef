"""A benchmark that is interrupted leaves nothing behind: no folder, and no process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

ROOT = Path(__file__).parents[2]
# The benchmark of the whole command, on sixteen clips.
BENCH = """
import runpy, sys
from benchmarks import workflow

workflow.CLIPS, workflow.CLIPS_PER_SHARD, workflow.SHARDS_FOR_WORKERS = 16, 4, 2
sys.argv = ["benchmarks", "features/workflow"]
runpy.run_module("benchmarks", run_name="__main__")
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_benchmark_leaves_nothing(tmp_path: Path, signal_number: int) -> None:
    bench = subprocess.Popen(
        [sys.executable, "-c", BENCH],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    scratch = tmp_path / "work" / "bench" / "scratch"
    wait_until(lambda: list(scratch.glob("work/locks/build-*.lock")), bench)  # until its Snakemake builds
    bench.send_signal(signal_number)
    assert bench.wait(60) == 128 + signal_number
    assert not scratch.exists()
    assert not [process for process in Path("/proc").glob("[0-9]*") if works_in(process, tmp_path)]


def works_in(process: Path, folder: Path) -> bool:
    """Return True if a process has its working folder there."""
    try:
        return Path(os.readlink(process / "cwd").removesuffix(" (deleted)")).is_relative_to(folder)
    except OSError:  # it has ended
        return False
