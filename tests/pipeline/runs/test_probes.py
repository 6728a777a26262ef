"""Linear probes stand as baselines in the reports of runs that test the same recordings."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from stores_of import small_store

from features.tensors.log_mel import LogMelRecipe
from pipeline.config.schema import parse
from pipeline.runs.probes import beside_probes
from pipeline.runs.train import train_experiment
from stores import Store
from training.evaluation.differences import paired_differences
from training.evaluation.prediction_table import read_predictions

TRAINING = {"batch_size": 8, "device": "cpu"}
EXPERIMENTS: dict[str, dict[str, Any]] = {
    "probe": {"model": "linear_probe", "recipe": "small", "training": TRAINING | {"epochs": 30}},
    "net": {"model": {"name": "cnn8", "crop": [16, 24]}, "recipe": "small", "training": TRAINING | {"epochs": 1}},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three classes of 12 recordings in three folds."""
    recipe = LogMelRecipe(sample_rate_hz=22050, frames=24, n_mels=32)
    store = small_store(tmp_path_factory.mktemp("three"), "abc", 12, recipe)  # type: ignore[arg-type]  # also builds it
    place = store.rows.column_names.index("fold")
    store.rows = store.rows.set_column(place, "fold", pa.array(1 + np.arange(len(store)) % 3))
    return store


def trained(store: Store, folder: Path, name: str, probes: dict[str, Path], **options: Any) -> dict[str, Any]:
    recipe = {"kind": "log_mel", "sample_rate_hz": 22050, "frames": 24, "n_mels": 32}
    corpus = {"corpus": {"root": "x", "table": "t", "fold": "fold"}} if "folds" in options else {}
    sections = {"experiments": {name: EXPERIMENTS[name] | corpus | options}, "recipes": {"small": recipe}}
    chosen = parse(sections, "").experiments[name]
    return train_experiment(folder / name, store, chosen, name=name, config_path=name, probes=probes)


def test_a_run_is_compared_with_the_probe(store: Store, tmp_path: Path) -> None:
    probed = trained(store, tmp_path, "probe", {})
    assert "probes" not in probed
    assert probed["accuracy"] > 0.9  # classes are tones
    metrics = trained(store, tmp_path, "net", {"probe": tmp_path / "probe"})
    section = metrics["probes"]["probe"]
    assert section["accuracy"] == probed["accuracy"]
    network, probe = (read_predictions(tmp_path / name / "predictions.parquet").clips for name in ("net", "probe"))
    between = paired_differences(network, probe)["accuracy"]
    assert section["differences"]["accuracy"] == metrics["accuracy"] - probed["accuracy"] == between.difference
    assert section["difference_intervals"]["accuracy"] == [between.low, between.high]
    assert section["verdicts"]["accuracy"] == between.verdict
    page = (tmp_path / "net" / "report.html").read_text()
    assert "<h2>Beside the probe probe</h2>" in page
    assert "The experiment probe is a linear probe: a logistic regression on the mean over time of each row" in page
    assert "probe accuracy" in page


def test_folds_are_compared_with_those_of_the_probe(store: Store, tmp_path: Path) -> None:
    probed = trained(store, tmp_path, "probe", {}, folds=[2, 3])
    metrics = trained(store, tmp_path, "net", {"probe": tmp_path / "probe"}, folds=[2, 3])
    section = metrics["probes"]["probe"]
    assert section["accuracy"] == probed["mean"]["accuracy"]
    assert section["differences"]["accuracy"] == pytest.approx(metrics["mean"]["accuracy"] - section["accuracy"])
    assert metrics["mean"]["probes"]["probe"]["accuracy"] == pytest.approx(section["accuracy"])
    assert "<h2>Beside the probe probe</h2>" in (tmp_path / "net" / "report.html").read_text()
    assert "<h2>Beside the probe probe</h2>" in (tmp_path / "net" / "fold-2" / "report.html").read_text()


def test_a_probe_of_other_recordings_is_left_out(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(store, tmp_path, "probe", {})
    shutil.copytree(tmp_path / "probe", tmp_path / "same")
    trained(store, tmp_path, "net", {}, drop=["c"])
    assert beside_probes([tmp_path / "net"], {"probe": [tmp_path / "probe"]}) == {}
    assert "warning: net: the probe probe tested other recordings, and is no baseline" in caplog.messages
    assert list(beside_probes([tmp_path / "same"], {"probe": [tmp_path / "probe"]})) == ["probe"]
