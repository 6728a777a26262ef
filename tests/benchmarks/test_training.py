"""The benchmarks of training, on few clips and a small experiment."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = """
import runpy, sys
from benchmarks import measure, training

measure.RUNS = 1
training.CLIPS, training.EPOCHS, training.FRAMES = 32, 1, 24
training.MODEL = {"width": 0.125, "blocks": [1, 1, 1], "attention_blocks": 1}
corpus = {"source": "demo", "name": "spectrogram"}
training.EXPERIMENT = {"corpus": corpus, "model": {"blocks": 1}, "training": {"epochs": 1}}
sys.argv = ["benchmarks", "training/"]
runpy.run_module("benchmarks", run_name="__main__")
"""


def test_each_row_is_measured(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SMALL]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    rows = json.loads((tmp_path / "work" / "bench" / "results.json").read_text())
    assert [row["name"] for row in rows] == ["training/store_vs_memory", "training/report_overhead"]
    # What training takes beside its report is a difference of two times, which may be anything where it takes a moment.
    assert all(row["ours"] > 0 and math.isfinite(row["other"]) for row in rows)
    assert rows[0]["other"] > 0
