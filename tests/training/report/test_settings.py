"""The table of the settings in which runs differ."""

from pathlib import Path
from typing import Any

import pytest

from stores.files import write_json
from training.report.settings import SETTINGS, settings_sections

SHARED: dict[str, Any] = {"corpus": "tones", "training": {"epochs": 5, "seed": 0}, "drop": [], "init_from": None}


def run(folder: Path, name: str, **settings: Any) -> dict[Path, dict[str, Any]]:
    write_json(folder / name / SETTINGS, SHARED | settings)
    return {folder / name: {}}


def test_only_settings_that_differ_are_shown(tmp_path: Path) -> None:
    results = run(tmp_path, "one", model={"name": "cnn", "depth": 3, "dense": [8]}, sure_accuracy=0.9)
    results |= run(tmp_path, "two", model={"name": "cnn8", "crop": None}, sure_accuracy=0.9, drop=["b", "ü"])
    results |= run(tmp_path, "three", model={"name": "cnn", "depth": 3, "dense": [8]}, sure_accuracy=0.9)
    (panel,) = settings_sections(results)
    assert panel.columns == ("setting", "one", "two", "three")
    assert panel.rows == [
        ["drop", "[]", '["b", "ü"]', "[]"],
        ["model.crop", "", "null", ""],
        ["model.dense", "[8]", "", "[8]"],
        ["model.depth", "3", "", "3"],
        ["model.name", "cnn", "cnn8", "cnn"],
    ]


def test_settings_inside_others_are_compared_one_by_one(tmp_path: Path) -> None:
    results = run(tmp_path, "one", training={"epochs": 5, "seed": 0, "augment": {"mixup": 0.5}})
    results |= run(tmp_path, "two", training={"epochs": 5, "seed": 1, "augment": {"mixup": 0.25}})
    (panel,) = settings_sections(results)
    assert panel.rows == [["training.augment.mixup", "0.5", "0.25"], ["training.seed", "0", "1"]]


def test_equal_runs_have_no_table(tmp_path: Path) -> None:
    assert settings_sections(run(tmp_path, "one") | run(tmp_path, "two")) == []
    assert settings_sections({}) == []


def test_runs_on_each_corpus_are_compared_with_each_other(tmp_path: Path) -> None:
    results = run(tmp_path, "one") | run(tmp_path, "two", corpus="noises") | run(tmp_path, "three", corpus="birds")
    assert settings_sections(results) == []
    (panel,) = settings_sections(results | run(tmp_path, "four", corpus="noises", drop=["a"]))
    assert panel.columns == ("setting", "two", "four")
    assert panel.note.startswith("Runs on noises: ")


def test_folds_have_the_settings_of_the_first(tmp_path: Path) -> None:
    write_json(tmp_path / "folds" / "fold-2" / SETTINGS, SHARED | {"drop": ["a"]})
    (panel,) = settings_sections(run(tmp_path, "one") | {tmp_path / "folds": {"folds": [2, 1]}})
    assert panel.rows == [["drop", "[]", '["a"]']]


@pytest.mark.parametrize("content", [None, b'{"corpus": "t', b"\xff"])
def test_runs_whose_settings_are_missing_or_damaged_are_named(tmp_path: Path, content: bytes | None) -> None:
    results = run(tmp_path, "one") | run(tmp_path, "two", drop=["a"]) | run(tmp_path, "older")
    if content is None:
        (tmp_path / "older" / SETTINGS).unlink()
    else:
        (tmp_path / "older" / SETTINGS).write_bytes(content)
    (panel,) = settings_sections(results)
    assert panel.columns == ("setting", "one", "two")
    assert "Not known of older, which no sound settings.json describes." in panel.note
