"""The benchmark of scale on a small corpus: its hollow store is one that every stage takes for whole."""

from pathlib import Path

import pytest

from benchmarks.scale.site import Site, synthesise
from benchmarks.scale.stages import STAGES
from stores import open_store

CLIPS = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patches:
        patches.chdir(folder)
        synthesise(CLIPS)
    return folder


def test_every_stage_runs_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    stages = [stage for name, stage in STAGES.items() if name != "no-op command"]  # which the tests of the workflow run
    assert len(stages) > 10
    for stage in stages:
        for _ in range(2):
            stage(Site())()
    store = open_store(Site().store.family)
    assert len(store) == CLIPS
    assert len(store.variants) == 6
