"""Augmentations of users' own on workers that run in other folders: the code of the store's identity, or one line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from corpora import tree, write_corpus
from dask.distributed import LocalCluster
from onnx_models import SIZE, Levels, export
from stores_of import indexed, plan_of_tones
from users_folder import ROOT
from waiting import wait_until

from features.own import OwnPartError
from features.tensors import AnyRecipe, recorded_recipe
from pipeline.__main__ import main
from pipeline.build.store import build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from pipeline.support.scheduler import NO_DASHBOARD
from stores import open_store

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside dask's own cluster
WORKERS = 2
PART = """
import numpy as np
from levels.most import MOST

class Gain:
    def __init__(self, least: float = 0.5):
        self.least = least
    def draw(self, rng):
        return {"factor": rng.uniform(self.least, MOST)}
    def apply(self, clip, parameters, rng):
        from later import signed
        return signed(clip.samples) * np.float32(parameters["factor"])

class Peak:
    shape, axes, units = (1, 1), ("row", "frame"), "1"
    def compute(self, samples, sample_rate_hz):
        return MOST * np.abs(samples).max(keepdims=True)[None]
"""
FOUR = {"kind": "four_channel", "frames": 8, "n_mels": 16}
LATER = "def signed(samples):\n    return -samples\n"


@pytest.fixture(scope="module")
def worker_folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [tmp_path_factory.mktemp("worker") for _ in range(WORKERS)]


@pytest.fixture(scope="module")
def scheduler(worker_folders: list[Path]) -> Iterator[str]:
    """A scheduler whose worker processes run in folders of their own; one of them has another part of that name."""
    write_part(worker_folders[0], "raise RuntimeError('of the worker')\n")
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, processes=True, **NO_DASHBOARD) as cluster,
        ExitStack() as workers,
    ):
        address = cluster.scheduler_address
        command = [sys.executable, "-m", "dask", "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        for number, folder in enumerate(worker_folders, 1):
            process = workers.enter_context(
                subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
            )
            workers.callback(process.terminate)
            wait_until(lambda number=number: len(cluster.scheduler.workers) == number, process)  # type: ignore[misc]
        yield address


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command runs in, with a corpus and a part."""
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "corpus", clips=3)
    write_part(tmp_path, PART)
    return tmp_path


def write_part(folder: Path, text: str) -> None:
    (folder / "parts" / "levels").mkdir(parents=True)
    (folder / "parts" / "gain.py").write_text(text)
    (folder / "parts" / "levels" / "most.py").write_text("MOST = 2.0\n")
    (folder / "parts" / "later.py").write_text(LATER)


def recipe(features: dict[str, Any] = FOUR) -> AnyRecipe:
    others = dict.fromkeys(["noise", "shift", "stretch", "pitch", "rolloff"])
    gain = {"class": "parts/gain.py:Gain", "least": 1.0}
    return recorded_recipe(features | {"variants": others | {"gain": gain}})


def built(folder: Path, recipe: AnyRecipe, engine: TaskRunner) -> Path:
    source = AudioSource(AudioCorpus(root=folder / "corpus"), "corpus")
    work = folder / engine.name
    clips = indexed(source, work / "index")
    recordings = source.recordings(work / "index", clips)
    options: dict[str, Any] = {"name": "tones", "clips_per_shard": 2, "engine": engine}
    return build_store(work / "stores" / "tones", clips, recordings, recipe, **options).path


def edit(folder: Path) -> None:
    """Change the part and all that it imports, to code that fails and to other numbers."""
    (folder / "parts" / "gain.py").write_text("raise RuntimeError('edited')\n")
    (folder / "parts" / "levels" / "most.py").write_text("MOST = 4.0\n")
    (folder / "parts" / "later.py").write_text(LATER.replace("-samples", "+samples"))


@pytest.mark.parametrize(
    "features",
    [
        FOUR,
        {"class": "parts/gain.py:Peak", "seconds": 0.1},
        {"kind": "embedding", "model": "levels.onnx", "size": SIZE, "sample_rate_hz": 8000, "window_s": 0.1},
    ],
)
def test_workers_in_other_folders_write_the_same_bytes(folder: Path, scheduler: str, features: dict[str, Any]) -> None:
    if "model" in features:
        export(folder / "levels.onnx", Levels(), torch.zeros(2, 800))
    here = built(folder, recipe(features), TaskRunner("threads"))
    there = built(folder, recipe(features), TaskRunner("dask", WORKERS, scheduler))
    assert tree(here) == tree(there)
    assert set(open_store(there).variants) == {"original", "gain"}


@pytest.mark.parametrize("name", ["joblib", "dask"])
def test_an_edit_on_the_way_changes_nothing_of_what_was_begun(folder: Path, scheduler: str, name: Any) -> None:
    before = recipe()
    here = built(folder, before, TaskRunner("threads"))
    edit(folder)
    there = built(folder, before, TaskRunner(name, WORKERS, scheduler if name == "dask" else None))
    assert tree(here) == tree(there)


def test_the_next_build_has_the_edited_module(folder: Path, scheduler: str) -> None:
    engine = TaskRunner("dask", WORKERS, scheduler)
    before = built(folder, recipe(), engine)
    (folder / "parts" / "levels" / "most.py").write_text("MOST = 4.0\n")  # as many bytes, perhaps in the same second
    after = built(folder, recipe(), engine)
    assert after != before
    assert open_store(before).rows["gain_factor"].to_numpy().max() < 2
    assert open_store(after).rows["gain_factor"].to_numpy().max() > 2
    assert tree(after) == tree(built(folder, recipe(), TaskRunner("threads")))


def test_a_package_that_workers_lack_is_one_line(folder: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "installed").mkdir()
    (folder / "installed" / "only_here.py").write_text("")
    monkeypatch.syspath_prepend(str(folder / "installed"))
    part = folder / "parts" / "gain.py"
    part.write_text("import only_here\n" + PART)
    with pytest.raises(OwnPartError) as told:
        built(folder, recipe(), TaskRunner("dask", WORKERS, scheduler))
    assert str(told.value) == "parts/gain.py:1: ModuleNotFoundError: No module named 'only_here'"


def test_a_worker_that_sees_no_model_or_no_weights_beside_it_is_one_line(
    folder: Path, scheduler: str, worker_folders: list[Path]
) -> None:
    export(folder / "apart.onnx", Levels(), torch.zeros(2, 800), apart=True)
    own = Path("/proc/self/cwd")  # another folder for each process
    model = {"kind": "embedding", "model": str(own / "apart.onnx"), "size": SIZE, "sample_rate_hz": 8000}
    for unseen in ("apart.onnx", "apart.onnx.data"):
        with pytest.raises(InputError) as told:
            built(folder, recipe(model | {"window_s": 0.1}), TaskRunner("dask", WORKERS, scheduler))
        assert f": {own / unseen}: not seen there; mount the same storage at the same path" in str(told.value)
        for other in worker_folders:
            shutil.copy(folder / unseen, other)
    there = built(folder, recipe(model | {"window_s": 0.1}), TaskRunner("dask", WORKERS, scheduler))
    assert set(open_store(there).variants) == {"original", "gain"}


def test_a_job_whose_file_was_edited_since_it_was_planned_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gain = {"class": "parts/gain.py:Gain", "least": 1.0}
    job = plan_of_tones(folder, gain=gain).experiments["x"].store.job
    edit(folder)
    (folder / "parts" / "gain.py").write_text(PART)
    monkeypatch.setattr(sys, "argv", ["pipeline", "build", job])
    assert main() == 1
    (said,) = caplog.messages
    assert said.startswith("otogura: gain.version: expected ")
    assert "\n" not in said
