"""The leak meter: on request, beside a run that it does not change."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from planted import write_planted
from stores_of import indexed, small_store
from torch import nn

import pipeline.runs.fitting
import pipeline.runs.leak
import training.fit
from features.augmentations import Variants
from features.tensors.log_mel import LogMelRecipe
from pipeline.build.store import build_store
from pipeline.config.experiment import Experiment
from pipeline.config.schema import parse
from pipeline.corpus.sides import Sides
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.runs.copies import split_copies
from pipeline.runs.fitting import fit_run
from pipeline.runs.leak import claimed_accuracy, duplicates_of, leak_panel, write_duplicates
from pipeline.runs.run import prepare_run, run_sides
from pipeline.runs.train import train_experiment
from pipeline.support.executors import TaskRunner
from stores import Store, open_store
from stores.files import read_json
from training.evaluation.fingerprints import Fingerprints, fingerprints
from training.evaluation.predictions import Predictions
from training.fit import Fitted

MODEL = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Store]:
    """Stores of two and of three classes, six variants."""
    return {count: small_store(tmp_path_factory.mktemp("run"), "abc"[:count], 12) for count in (2, 3)}


def chosen(**training: Any) -> Experiment:
    settings = {"epochs": 1, "batch_size": 8, "device": "cpu", "precision": "float32"} | training
    return parse({"experiments": {"x": {"model": MODEL, "training": settings}}}, "").experiments["x"]


def train(folder: Path, store: Store, **training: Any) -> dict[str, Any]:
    return train_experiment(folder, store, chosen(**training), name="x", config_path="x")


def test_it_is_measured_on_request_once_and_changes_nothing_else(
    stores: dict[int, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = train(tmp_path / "run", stores[3])
    assert "leak" not in without
    weights = (tmp_path / "run" / "model.safetensors").read_bytes()
    state = read_json(tmp_path / "run" / "run.json")
    fits: list[Path] = []
    run_epochs = training.fit.run_epochs

    def watched(learner: Any, train: Any, validation: Any, settings: Any, checkpoints: Any, **options: Any) -> None:
        fits.append(checkpoints.last_path.parent.parent)
        run_epochs(learner, train, validation, settings, checkpoints, **options)

    monkeypatch.setattr(training.fit, "run_epochs", watched)
    for _ in range(2):  # the second time nothing is trained
        measured = train(tmp_path / "run", stores[3], leak_meter=True)
        assert fits == [tmp_path / "run" / "leak"]
        leak = measured.pop("leak")
        assert measured == without
    assert leak["honest_accuracy"] == without["accuracy"]
    assert leak["difference"] == leak["claimed_accuracy"] - leak["honest_accuracy"]
    assert leak["duplicates"] is None  # the clips have half a second
    assert read_json(tmp_path / "run" / "metrics.json") == measured | {"leak": leak}
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"<h2>Leak meter: {leak['difference']:+.3f}</h2>" in page
    assert "told by spectrograms of a second or more" in page
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == weights
    assert read_json(tmp_path / "run" / "run.json") == state
    assert read_json(tmp_path / "run" / "leak" / "run.json")["split"] != state["split"]
    assert sorted(path.name for path in (tmp_path / "run" / "leak").iterdir()) == ["checkpoints", "run.json"]


@pytest.mark.parametrize("variants", ["all", "one", "original"])
def test_tensors_train_validate_and_test_whatever_their_clips_do(
    stores: dict[int, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variants: str
) -> None:
    """Each of them on one side; the weights of classes are those of the honest run."""
    store, given = stores[2], {}

    def fit(folder: Path, train: Any, validation: Any, **options: Any) -> Fitted:
        given.update(options, train=train, validation=validation)
        return Fitted(nn.Linear(1, 1), [])

    seen: dict[str, set[tuple[str, int]]] = {"test": set()}

    def predict(network: nn.Module, stream: Any, device: torch.device, task: Any) -> Predictions:
        batches = list(stream)
        rows, labels = (np.concatenate([batch[name].numpy() for batch in batches]) for name in ("row", "label"))
        seen["test"] = shown(batches)
        return Predictions(rows, labels, np.eye(2, dtype=np.float32)[labels])

    def shown(batches: Any) -> set[tuple[str, int]]:
        return {
            (row, variant)
            for batch in batches
            for row, variant in zip(batch["row"].tolist(), batch["variant"].tolist(), strict=True)
        }

    monkeypatch.setattr(pipeline.runs.fitting, "fit", fit)
    monkeypatch.setattr(pipeline.runs.fitting, "predict", predict)
    run = prepare_run(store, chosen(variants=variants, class_weight="balanced", batch_size=1, keep="last"), "x")
    sides = run_sides(run)
    fit_run(tmp_path, sides, run)
    honest = given["class_weights"]
    assert claimed_accuracy(tmp_path, sides, run) == 1
    assert given["class_weights"] == honest
    train: set[tuple[str, int]] = set()
    for epoch in range(6):
        given["train"].set_epoch(epoch)
        train |= shown(given["train"])
    count = 1 if variants == "original" else 6
    assert len(train) == count * len(sides.train)
    assert len(seen["test"]) == count * len(sides.test)
    assert not train & seen["test"]
    assert given["identity"]["split"] == split_copies(sides, run.labels, store.variants[:count], 0).digest()


@pytest.mark.parametrize("classes", [2, 3])
def test_two_classes_are_told_apart_by_a_threshold_that_is_chosen_on_tensors_that_validate(
    stores: dict[int, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: int
) -> None:
    """The network gives the positive class 0.2 where it is right, and the other one 0.1 or less."""
    monkeypatch.setattr(pipeline.runs.leak, "fit_run", lambda *arguments, **options: Fitted(nn.Linear(1, 1), []))

    def predict(network: nn.Module, stream: Any, device: torch.device, task: Any) -> Predictions:
        rows, labels = (np.concatenate([batch[name].numpy() for batch in stream]) for name in ("row", "label"))
        shares = np.full((len(rows), classes), 0.1)
        shares[labels == classes - 1, classes - 1] = 0.2
        shares[:, 0] = 1 - shares[:, 1:].sum(axis=1)
        return Predictions(rows, labels, np.log(shares).astype(np.float32))

    monkeypatch.setattr(pipeline.runs.fitting, "predict", predict)
    run = prepare_run(stores[classes], chosen(), "x")
    claimed = claimed_accuracy(tmp_path, run_sides(run), run)
    assert claimed == (1 if classes == 2 else pytest.approx(1 / 3))


def test_duplicates_are_listed_with_a_player_for_both(tmp_path: Path) -> None:
    planted = write_planted(tmp_path / "corpus", sources=1, unrelated=0)
    source = AudioSource(AudioCorpus(root=planted.root), "corpus")
    clips = indexed(source, tmp_path / "index")
    recordings = source.recordings(tmp_path / "index", clips)
    recipe = LogMelRecipe(variants=Variants(noise=None, shift=None, stretch=None, pitch=None, rolloff=None))
    options: dict[str, Any] = {"name": "x", "clips_per_shard": 64, "engine": TaskRunner()}
    store = open_store(build_store(tmp_path / "stores", clips, recordings, recipe, **options).path)
    ids = store.rows["id"].to_pylist()
    copies = np.array(["-" in name for name in ids])
    none = np.zeros(0, np.int64)
    sides = Sides(np.flatnonzero(~copies), none, np.flatnonzero(copies), none)
    prints = fingerprints(store, np.arange(len(store)))
    assert prints is not None
    duplicates = duplicates_of(store, sides, prints)
    assert 9 <= len(duplicates) <= 10
    write_duplicates(tmp_path / "d.csv", duplicates)
    with open(tmp_path / "d.csv", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["recording", "class", "side", "other recording", "class", "side", "similarity", "offset in s"]
    pairs = {pair for pairs in planted.pairs.values() for pair in pairs}
    for line, row in zip(lines[1:], duplicates.to_pylist(), strict=True):
        assert (line[0], line[3]) in pairs
        assert [line[1], line[2], line[4], line[5]] == [line[0].split("/")[0], "train", line[3].split("/")[0], "test"]
        assert line[6:] == [f"{row['similarity']:.3f}", f"{row['offset_s']:.2f}"]
        assert [ids[row["first_row"]], ids[row["second_row"]]] == [line[0], line[3]]
    asked: list[int] = []

    def sound(row: int) -> Any:
        asked.append(row)
        return recordings(range(row, row + 1))[0]

    panel = leak_panel({"difference": 0.25}, "", duplicates.to_pylist(), sound)
    assert panel.title == "Leak meter: +0.250"
    assert [row[2] for row in panel.rows] == [line[0] for line in lines[1:]]
    assert [("<audio" in row[5], "<audio" in row[9]) for row in panel.rows] == [
        (place < 8, place < 8) for place in range(len(duplicates))
    ]
    expected = [(row["first_row"], row["second_row"]) for row in duplicates.to_pylist()[:8]]
    assert asked == [row for pair in expected for row in pair]


def test_all_duplicates_are_in_the_table_and_the_first_in_the_report(
    stores: dict[int, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the table goes when the meter is not asked for any more."""
    clip = {"_row": 0, "": "x.wav", "_class": "a", "_side": "train"}
    row = {f"{which}{name}": value for which in ("first", "second") for name, value in clip.items()}
    none = np.zeros((36, 0, 0), np.int8)
    table = pa.Table.from_pylist([{"similarity": 0.9, "offset_s": 0.1, **row}] * 120)
    monkeypatch.setattr(pipeline.runs.leak, "fingerprints", lambda store, rows: Fingerprints(rows, none))
    monkeypatch.setattr(pipeline.runs.leak, "duplicates_of", lambda store, sides, prints: table)
    monkeypatch.setattr(pipeline.runs.leak, "comparable", lambda prints: prints.rows > 1)
    monkeypatch.setattr(pipeline.runs.leak, "claimed_accuracy", lambda *arguments: 0.75)
    metrics = train(tmp_path, stores[3], leak_meter=True)
    assert metrics["leak"]["duplicates"] == 120
    assert metrics["leak"]["claimed_accuracy"] == 0.75
    assert len((tmp_path / "duplicates.csv").read_text().splitlines()) == 121
    page = (tmp_path / "report.html").read_text()
    assert page.count("x.wav") == 2 * 100
    assert "2 of 36 clips are too even or too silent to be compared" in page
    assert "in common: 120, of which the first 100 are shown and duplicates.csv has all." in page
    train(tmp_path, stores[3])
    assert not (tmp_path / "duplicates.csv").exists()
