"""The benchmark of devices runs on a CPU, with no packages but those that its page names."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from core_environment import python_with

from benchmarks.gpu.devices import WaitingMeter
from training.models import MODELS

ROOT = Path(__file__).parents[2]
PRESENT = ("torch", "numpy", "numba", "pyarrow")


def test_it_runs_on_a_cpu_with_few_packages(tmp_path: Path) -> None:
    lines = (ROOT / "benchmarks" / "gpu" / "requirements.txt").read_text().splitlines()
    python = python_with(*PRESENT, *(line for line in lines if not line.startswith("#")))
    command = [python, "-m", "benchmarks.gpu", "--device", "cpu", "--quick"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    result = json.loads((tmp_path / "work" / "bench" / "gpu.json").read_text())
    assert (result["device"], result["torch"], result["quick"]) == ("cpu", torch.__version__, True)
    assert result["cpu"]
    assert {step["network"] for step in result["steps"]} == set(MODELS)
    assert [(row["precision"], row["batch_size"]) for row in result["throughput"]] == [("float32", 2), ("bfloat16", 2)]
    for row in result["throughput"]:
        assert 0 < row["waiting_share"] < 1
        assert row["ratio"] == pytest.approx(row["store_clips_per_s"] / row["memory_clips_per_s"])
    assert [copy["memory"] for copy in result["copies"]] == ["pageable"]
    assert (tmp_path / "work" / "bench" / "gpu.md").read_text().count("| resnet_attention |") == 2
    assert not (tmp_path / "work" / "bench" / "scratch").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch finds a GPU")
def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr == "benchmarks.gpu: torch finds no GPU; --device cpu measures the processor\n"


def test_a_gpu_waits_between_the_end_of_a_step_and_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events tell when the GPU comes to them: it works for 8 ms a batch, and waits for 2, 0 and 6 ms."""
    times_ms = iter([0.0, 2.0, 10.0, 10.0, 18.0, 24.0, 32.0])

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self, stream: Any) -> None:
            assert stream == "stream"
            self.ms = next(times_ms)

        def elapsed_time(self, end: "Event") -> float:
            return end.ms - self.ms

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "stream")
    meter = WaitingMeter(torch.device("cuda"))
    assert list(meter.over("abc")) == ["a", "b", "c"]
    assert meter.share == pytest.approx(8 / 32)
