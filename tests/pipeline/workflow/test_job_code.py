"""Inputs of rules that are source files: every file that a job runs, and none that does not exist."""

import re

import pytest

from pipeline.__main__ import JOBS
from pipeline.workflow.job_code import MAIN, job_code
from training.imports import ROOT
from training.models import MODELS


def names(job: str, *patterns: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in job_code(job, *patterns)}


@pytest.mark.parametrize(
    ("job", "some"),
    [
        ("demo", {"pipeline/demos/bgm/words.py", "features/kernels/fft.py"}),
        ("labels", {"pipeline/labels/polarity.py", "training/report/page.py"}),
        (
            "index",
            {"pipeline/corpus/sources/audio/probe.py", "pipeline/corpus/sources/json/records.py", "features/audio.py"},
        ),
        (
            "build",
            {
                "features/kernels/fft.py",
                "features/tensors/waveform/assembly.py",
                "pipeline/support/executors.py",
                "stores/shard.py",
            },
        ),
        (
            "train",
            {"pipeline/corpus/recordings.py", "pipeline/corpus/sources/audio/source.py", "training/models/build.py"},
        ),
        ("train", {f"training/models/{name}/{part}.py" for name in MODELS for part in ("settings", "network")}),
        ("search", {"pipeline/config/search_space.py", "pipeline/search/trial.py", "training/models/cnn/network.py"}),
        ("report", {"training/report/comparison.py", "training/report/figures.py"}),
    ],
)
def test_everything_that_a_job_runs_is_in_it(job: str, some: set[str]) -> None:
    assert some <= names(job)
    assert MAIN in job_code(job)


def test_what_a_job_does_not_run_is_not() -> None:
    assert "training/report/page.py" not in names("build")
    assert "pipeline/search/study.py" not in names("train")
    assert not names("train") & {"pipeline/runs/follow.py", "pipeline/runs/trackers/mlflow.py"}
    assert not [name for name in names("build") if name.startswith("training/models/") and name.endswith("network.py")]
    assert not [name for name in names("report") if name.startswith("pipeline/demos/")]


def test_a_pattern_without_a_file_is_an_error() -> None:
    assert "training/report/page.html.jinja" in names("train", "training/report/*.jinja")
    with pytest.raises(ValueError, match=r"training/\*\.txt: expected a file below .* for the job train, found none"):
        job_code("train", "training/*.txt")
    with pytest.raises(ValueError, match="fit: expected the name of a job"):
        job_code("fit")


def test_every_rule_names_the_job_that_it_runs() -> None:
    ran, named = [], []
    for file in sorted((ROOT / "pipeline" / "workflow" / "rules").glob("*.smk")):
        for rule in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]:
            ran += re.findall(r"-m pipeline (\w+) ", rule)
            named += re.findall(r'code=job_code\("(\w+)"', rule) or [None]
    assert set(ran) == set(JOBS)
    assert {job: code for job, code in zip(ran, named, strict=True) if job != code} == {"fetch": None}
