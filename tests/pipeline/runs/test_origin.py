"""Data, hardware and configuration in a run's report: a configuration that is copied gives the same run."""

import html
import re
from pathlib import Path

import pytest
import yaml
from stores_of import small_store

from pipeline.config.schema import parse
from pipeline.runs.origin import data_panel, provenance_panel
from pipeline.runs.run import Run, prepare_run, run_sides
from stores import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("three"), "abc", 12)


@pytest.fixture(scope="module")
def run(store: Store) -> Run:
    training = {"epochs": 3, "batch_size": 5, "learning_rate": 2e-4, "device": "cpu", "augment": {"mixup": 0.3}}
    model = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}
    settings = {"model": model, "training": training, "split": {"seed": 4}, "drop": ["c"]}
    return prepare_run(store, parse({"experiments": {"x": settings}}, "").experiments["x"], "x")


def test_clips_and_groups_are_counted_by_side(run: Run, tmp_path: Path) -> None:
    sides = run_sides(run)
    panel = data_panel(run, sides, tmp_path / "quarantine.csv")
    assert panel.columns == ("class", "train", "validation", "test")
    *classes, together, groups = panel.rows
    assert [row[0] for row in classes] == ["a", "b"]
    assert [sum(row[place] for row in classes) for place in (1, 2, 3)] == together[1:] == groups[1:]
    assert together[1:] == [len(sides.train), len(sides.validation), len(sides.test)]
    assert "quarantine" not in panel.note
    (tmp_path / "quarantine.csv").write_text('"id","reason"\n"x.wav","two\nlines"\n"y.wav","empty"\n')
    assert "2 bad recordings are in quarantine" in data_panel(run, sides, tmp_path / "quarantine.csv").note


def test_a_configuration_that_is_copied_gives_the_same_setup_and_recipe(run: Run, store: Store) -> None:
    panel = provenance_panel(run, "mine")
    shown = re.search(r"<pre>(.*)</pre>", panel.body, re.S)
    assert shown is not None
    config = yaml.safe_load(html.unescape(shown[1]))
    config["experiments"]["mine"]["corpus"] = {"root": "recordings"}
    experiment = parse(config, "").experiments["mine"]
    for name in ("model", "training", "classes", "drop", "split", "folds", "positive", "sure_accuracy"):
        assert getattr(experiment, name) == getattr(run.setup, name), name
    assert dict(panel.rows)["device, precision"].startswith("cpu")
    assert config["recipes"]["mine"] == store.manifest["recipe"]
