"""Mistakes in what an experiment is trained on are one line each, before the first hour of training."""

import csv
import re
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from corpora import RATE_HZ, tone
from safetensors.torch import load_file
from stores_of import indexed, small_store
from torchmetrics.functional.classification import multiclass_f1_score, multiclass_precision, multiclass_recall

import pipeline.runs.train
from features.augmentations import Variants
from features.tensors.log_mel import LogMelRecipe
from pipeline.build.store import build_store
from pipeline.config.schema import parse
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.corpus.split import Split
from pipeline.corpus.split_file import update_split
from pipeline.runs.cost import training_cost
from pipeline.runs.fitting import class_weights
from pipeline.runs.run import fold_sides, prepare_run, run_sides
from pipeline.runs.train import train_experiment
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from stores import Store, open_store
from stores.files import read_json
from training.evaluation.predictions import Predictions
from training.evaluation.scores import score
from training.report.comparison import compare
from training.report.unfinished import Unfinished
from training.settings import Training

METRICS = {"precision": multiclass_precision, "recall": multiclass_recall, "f1": multiclass_f1_score}
GIVEN = {"corpus": {"root": "x", "table": "folds.csv", "fold": "fold"}, "folds": [1, 2, 3]}
ONLY_ORIGINAL = Variants(noise=None, shift=None, stretch=None, pitch=None, rolloff=None)


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("three"))


def train(store: Store, folder: Path, **options: Any) -> str:
    """Return the line that is said against an experiment."""
    chosen = parse({"experiments": {"x": options}}, "").experiments["x"]
    with pytest.raises(InputError) as caught:
        train_experiment(folder, store, chosen, name="x", config_path="mine.yaml: experiments.x")
    assert not list(folder.iterdir())
    return str(caught.value)


def test_a_weight_for_one_of_three_classes(three_classes: Store, tmp_path: Path) -> None:
    said = train(three_classes, tmp_path, training={"class_weight": 5})
    assert "class_weight: a number is the weight of the positive one of two classes, and there are 3" in said


@pytest.mark.parametrize("positive", ["a", "d"])
def test_one_to_be_detected_of_three_classes(three_classes: Store, tmp_path: Path, positive: str) -> None:
    said = train(three_classes, tmp_path, positive=positive)
    assert f"positive: expected one of two classes, got {positive!r}; there are a, b, c" in said


def test_two_classes_of_which_validation_has_one(tmp_path: Path) -> None:
    store = small_store(tmp_path, "ab", 4)
    two = iter("bb")  # recordings of b; the others have no label
    labels = [label if label == "a" else next(two, None) for label in store.rows["label"].to_pylist()]
    store.rows = store.rows.set_column(1, "label", pa.array(labels))
    (tmp_path / "run").mkdir()
    said = train(store, tmp_path / "run")
    assert "expected clips of both classes for validation, found only 'a'; a class needs recordings of three" in said


def test_weights_of_classes() -> None:
    labels = np.array([0, 0, 0, 1])
    assert class_weights(Training(), labels, 2, 1) is None
    assert class_weights(Training(class_weight="balanced"), labels, 2, 1) == pytest.approx([2 / 3, 2.0])
    assert class_weights(Training(class_weight=5.0), labels, 2, 1) == pytest.approx([1 / 2, 5 / 2])
    assert class_weights(Training(class_weight=5.0), labels, 2, 0) == pytest.approx([5 / 4, 1 / 4])
    for weight in ("balanced", 5.0):
        weights = class_weights(Training(class_weight=weight), labels, 2, 1)
        assert np.array(weights)[labels].mean() == pytest.approx(1)


@pytest.fixture(scope="module")
def three_folds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Path, dict[str, Any]]:
    """Three folds, one of them much louder than the others: the store, the folder of the runs, and all metrics."""
    folder = tmp_path_factory.mktemp("folds")
    lines = ["path,label,fold"]
    (folder / "corpus").mkdir()
    for number in range(18):
        name, gain = f"{number}.wav", 0.9 if number % 3 == 2 else 0.05
        soundfile.write(folder / "corpus" / name, gain * tone(200 * 2 ** (number % 2), 0.6, number), RATE_HZ)
        lines.append(f"{name},{'ab'[number % 2]}{number // 9},{number % 3 + 1}")
    (folder / "folds.csv").write_text("\n".join(lines))
    source = AudioSource(AudioCorpus(root=folder / "corpus", table=folder / "folds.csv", fold="fold"), "")
    clips = indexed(source, folder / "index")
    recipe = LogMelRecipe(sample_rate_hz=RATE_HZ, frames=20, n_mels=16, dtype="float32", variants=ONLY_ORIGINAL)
    options: dict[str, Any] = {"name": "tones", "clips_per_shard": 4, "engine": TaskRunner()}
    recordings = source.recordings(folder / "index", clips)
    store = open_store(build_store(folder / "stores", clips, recordings, recipe, **options).path)
    model = {"name": "cnn8", "channels": [16] * 8, "crop": [14, 18], "test_crops": [1, 2]}
    training = {"epochs": 2, "batch_size": 4, "device": "cpu", "augment": {"mixup": 1.0}, "average": 0.5}
    chosen = parse({"experiments": {"x": GIVEN | {"model": model, "training": training}}}, "")
    metrics = train_experiment(folder / "run", store, chosen.experiments["x"], name="x", config_path="")
    return store, folder / "run", metrics


def test_each_fold_standardises_by_its_own_training_clips(three_folds: tuple[Store, Path, dict[str, Any]]) -> None:
    store, folder, _ = three_folds
    folds = store.rows["fold"].to_numpy()
    tensors = np.stack([store.clip(row) for row in range(len(store))])
    found = []
    for fold in (1, 2, 3):
        weights = load_file(folder / f"fold-{fold}" / "model.safetensors")
        training = tensors[folds != fold].astype(np.float64)
        assert float(weights["mean"]) == pytest.approx(training.mean(), abs=1e-3)
        assert float(weights["sd"]) == pytest.approx(training.std(), abs=1e-3)
        assert abs(float(weights["mean"]) - tensors.mean()) > 0.5  # as all clips together would have had it
        found.append(float(weights["mean"]))
    assert len(set(found)) == 3


def test_a_fold_does_not_start_from_weights_that_have_learned_it(
    three_folds: tuple[Store, Path, dict[str, Any]],
) -> None:
    store, folder, _ = three_folds
    chosen = parse({"experiments": {"x": GIVEN | {"model": "cnn8"}}}, "").experiments["x"]
    run = prepare_run(store, chosen, "x")
    assert len(fold_sides(run, 1, folder / "fold-1").test) == 6
    with pytest.raises(InputError, match=r"x\.init_from: expected weights that know no clip of test, .*fold-2 were tr"):
        fold_sides(run, 1, folder / "fold-2")


def test_no_run_of_several_folds_starts_from_weights_that_have_learned_what_it_tests(
    three_folds: tuple[Store, Path, dict[str, Any]], tmp_path: Path
) -> None:
    store, folder, _ = three_folds
    for fold, other in ((1, 2), (2, 1), (3, 3)):
        shutil.copytree(folder / f"fold-{other}", tmp_path / "swapped" / f"fold-{fold}")
    model = {"name": "cnn8", "channels": [16] * 8, "crop": [14, 18]}
    chosen = parse({"experiments": {"x": GIVEN | {"model": model}}}, "").experiments["x"]
    with pytest.raises(InputError, match=r"x\.init_from: expected weights that know no clip of test, .*fold-1 were tr"):
        train_experiment(tmp_path / "run", store, chosen, name="x", config_path="x", init_from=tmp_path / "swapped")
    assert not (tmp_path / "run").exists()


def test_all_but_the_tested_one_train(three_folds: tuple[Store, Path, dict[str, Any]]) -> None:
    _, folder, _ = three_folds
    for fold in (1, 2, 3):
        found = read_json(folder / f"fold-{fold}" / "metrics.json")
        counts = [found[f"{side}_clips"] for side in ("train", "validation", "test")]
        assert counts == [12, 0, 6]
        assert "validation_loss" not in found["history"][0]


def test_all_test_clips_are_in_one_confusion_matrix(three_folds: tuple[Store, Path, dict[str, Any]]) -> None:
    store, folder, metrics = three_folds
    folds = [read_json(folder / f"fold-{fold}" / "metrics.json") for fold in (1, 2, 3)]
    assert metrics["confusion"] == np.sum([fold["confusion"] for fold in folds], axis=0).tolist()
    assert np.sum(metrics["confusion"]) == len(store) == sum(row["clips"] for row in metrics["per_class"])
    assert metrics["mean"]["macro_recall"] == pytest.approx(np.mean([fold["macro_recall"] for fold in folds]))
    report = (folder / "report.html").read_text()
    assert "Confusion matrix" in report
    assert 'href="fold-2/report.html"' in report
    assert "no clip validates" in (folder / "fold-1" / "report.html").read_text()


def test_classes_of_a_confusion_matrix_score_as_their_predictions_do() -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 3, 60), rng.standard_normal((60, 4)).astype(np.float32)
    scores = score(Predictions(np.arange(60), labels, logits), list("abcd"))  # d is never true
    decided = torch.from_numpy(logits).argmax(dim=1)
    assert scores.untested == ["d"]
    for name, metric in METRICS.items():
        expected = metric(decided, torch.from_numpy(labels), 4, average="none").tolist()
        assert [row[name] for row in scores.per_class] == pytest.approx(expected)
        assert scores.summary[f"macro_{name}"] == pytest.approx(np.mean(expected[:3]))  # d was never tested
    assert [row["clips"] for row in scores.per_class] == np.bincount(labels, minlength=4).tolist()


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """A run of four classes, and one that began with its weights without one of them: where, and their metrics."""
    folder = tmp_path_factory.mktemp("dropped")
    store = small_store(folder, "abcd", 12)
    model = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}
    training = {"epochs": 2, "batch_size": 8, "device": "cpu", "precision": "float32"}
    found = []
    for number, settings in enumerate([{}, {"drop": ["b"]}]):
        chosen = parse({"experiments": {"x": {"model": model, "training": training} | settings}}, "").experiments["x"]
        options: dict[str, Any] = {"config_path": ""} | ({"init_from": folder / "run0"} if number else {})
        found.append(train_experiment(folder / f"run{number}", store, chosen, name=f"run{number}", **options))
    return folder, found[0], found[1]


def test_without_a_class_the_others_stay_on_their_sides(dropped: tuple[Path, Any, Any]) -> None:
    _, before, after = dropped
    assert after["classes"] == ["a", "c", "d"]
    assert after["train_clips"] < before["train_clips"]
    clips = {row["class"]: row["clips"] for row in before["per_class"]}
    assert {row["class"]: row["clips"] for row in after["per_class"]} == {name: clips[name] for name in "acd"}


def test_a_run_that_began_with_other_weights_says_how_it_was_before(dropped: tuple[Path, Any, Any]) -> None:
    folder, before, _ = dropped
    page = (folder / "run1" / "report.html").read_text()
    assert "Before and after" in page
    assert f"The weights come from run0, model {before['model_version']}. It knew b as well" in page
    assert "Before and after" not in (folder / "run0" / "report.html").read_text()
    compare(folder, [folder / "run0", folder / "run1"], {}, training_cost)
    page = (folder / "report.html").read_text()
    assert "side by side" not in page  # they learned other classes
    assert "Which is better: not compared" in page
    assert re.search(r"<td>drop</td><td>\[\]</td><td>\[&#34;b&#34;\]</td>", page)


def test_experiments_are_compared_by_clips_that_validate(
    dropped: tuple[Path, Any, Any], three_folds: tuple[Store, Path, Any], tmp_path: Path
) -> None:
    folder, before, _ = dropped
    assert before["validation_loss"] == pytest.approx(min(row["validation_loss"] for row in before["history"]))
    assert before["validation_accuracy"] in [row["validation_accuracy"] for row in before["history"]]
    compare(folder, [folder / "run0"], {}, training_cost)
    page = (folder / "report.html").read_text()
    assert "validation accuracy" in page
    assert "<td>{:.3f} – {:.3f}</td>".format(*before["intervals"]["accuracy"]) in page
    compare(
        folder, [folder / "missing"], {"missing": Unfinished(reason="no store", command="snakemake x")}, training_cost
    )
    assert "no store" in (folder / "report.html").read_text()
    # Where all clips train or test, there is nothing to compare by.
    _, run, metrics = three_folds
    assert "validation_accuracy" not in metrics["mean"]
    shutil.copytree(run, tmp_path / "run")
    compare(tmp_path, [tmp_path / "run"], {}, training_cost)
    assert "validation" not in (tmp_path / "report.html").read_text()


def test_clips_validate_though_the_last_epoch_is_kept(three_classes: Store, tmp_path: Path) -> None:
    training = {"epochs": 2, "batch_size": 8, "device": "cpu", "precision": "float32", "keep": "last"}
    model = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}
    found = []
    for validation in (False, True):
        options = {"model": model, "training": training | {"validation": validation}}
        chosen = parse({"experiments": {"x": options}}, "").experiments["x"]
        found.append(train_experiment(tmp_path / str(validation), three_classes, chosen, name="x", config_path=""))
    without, with_them = found
    assert without["validation_clips"] == 0 < with_them["validation_clips"]
    assert without["train_clips"] == with_them["train_clips"] + with_them["validation_clips"]
    assert without["test_clips"] == with_them["test_clips"]
    assert with_them["validation_loss"] == pytest.approx(with_them["history"][-1]["validation_loss"])
    assert "The model of the last epoch is kept.<" in (tmp_path / "True" / "report.html").read_text()


def test_a_run_is_not_tested_on_what_its_first_weights_have_learned(
    dropped: tuple[Path, Any, Any], tmp_path: Path
) -> None:
    """Nor on what those learned that its first weights began with."""
    folder, before, _ = dropped
    store = open_store(next((folder / "stores" / "family").glob("*/manifest.json")).parent)
    model = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}
    chosen = parse({"experiments": {"x": {"model": model, "split": {"seed": 1}}}}, "").experiments["x"]
    for number in (0, 1):
        with pytest.raises(
            InputError, match=rf"no clip of validation, but those of .*run{number} were trained by \d+ of"
        ):
            train_experiment(tmp_path, store, chosen, name="x", config_path="x", init_from=folder / f"run{number}")
    assert not list(tmp_path.iterdir())
    learned = pq.read_table(folder / "run1" / "learned.parquet")
    counts = {side: pc.sum(pc.equal(learned["side"], side)).as_py() for side in ("train", "validation")}
    # A class more than its own.
    assert counts == {"train": before["train_clips"], "validation": before["validation_clips"]}
    (tmp_path / "older").mkdir()
    with pytest.raises(InputError, match="older does not say what it has learned from; train it again"):
        train_experiment(tmp_path, store, chosen, name="x", config_path="x", init_from=tmp_path / "older")


def test_a_run_records_its_split(dropped: tuple[Path, Any, Any]) -> None:
    folder, before, after = dropped
    for number, metrics in enumerate((before, after)):
        with open(folder / f"run{number}" / "split.csv", newline="") as file:
            lines = list(csv.DictReader(file))
        counts = Counter(line["side"] for line in lines)
        assert counts == {side: metrics[f"{side}_clips"] for side in ("train", "validation", "test")}
        assert {line["label"] for line in lines} == set(metrics["classes"])


def test_a_run_without_folds_follows_the_recorded_split(three_classes: Store, tmp_path: Path) -> None:
    record = tmp_path / "split.csv"
    update_split(record, three_classes.rows, Split())
    chosen = parse({"experiments": {"x": {}}}, "").experiments["x"]
    run = prepare_run(three_classes, chosen, "x")
    drawn = run_sides(run)
    assert drawn.digest() == run_sides(run, record).digest()
    moved = three_classes.rows["id"][int(drawn.train[0])].as_py()
    record.write_text(re.sub(rf"(?m)^{moved}(.*),train$", rf"{moved}\1,test", record.read_text()))
    assert run_sides(run, record).test.tolist() == sorted([*drawn.test, drawn.train[0]])
    record.write_text(re.sub(rf"(?m)^{moved}.*\n", "", record.read_text()))
    with pytest.raises(InputError, match=rf"^x: .*split\.csv: expected the side of {moved}, found none"):
        run_sides(run, record)


def test_a_fold_that_cannot_be_learned_is_told_before_the_first_is_trained(tmp_path: Path) -> None:
    store = small_store(tmp_path, "abc", 6)
    fold = np.array([1 if label == "c" else 1 + row % 3 for row, label in enumerate(store.rows["label"].to_pylist())])
    place = store.rows.column_names.index("fold")
    store.rows = store.rows.set_column(place, "fold", pa.array(fold))
    chosen = parse({"experiments": {"x": GIVEN | {"folds": [2, 1], "model": "resnet_attention"}}}, "").experiments["x"]
    with pytest.raises(InputError, match="class 'c' has no training clip"):
        train_experiment(tmp_path / "run", store, chosen, name="x", config_path="x")
    assert not (tmp_path / "run").exists()


def test_all_folds_share_the_time_limit_and_replace_a_run_without_them(
    three_folds: tuple[Store, Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _, _ = three_folds
    ends = []
    monkeypatch.setattr(pipeline.runs.train, "train_single", lambda job: ends.append(job.until) or Mock())
    for name in ("fold_metrics", "beside", "write_folds", "baseline_notices"):
        monkeypatch.setattr(pipeline.runs.train, name, lambda *arguments: {})
    (tmp_path / "model.json").write_text("of a run without folds")
    experiment = GIVEN | {"model": {"name": "cnn8", "crop": [14, 18]}, "training": {"max_time": 60}}
    chosen = parse({"experiments": {"x": experiment}}, "").experiments["x"]
    before = time.monotonic()
    train_experiment(tmp_path, store, chosen, name="x", config_path="x")
    assert not list(tmp_path.iterdir())
    assert len(ends) == 3
    assert len(set(ends)) == 1
    assert before + 60 <= ends[0] <= time.monotonic() + 60


def test_runs_of_the_same_classes_are_shown_together(dropped: tuple[Path, Any, Any], tmp_path: Path) -> None:
    folder, _, _ = dropped
    for name in ("one", "two"):
        shutil.copytree(folder / "run1", tmp_path / name)
    compare(tmp_path, [tmp_path / "one", tmp_path / "two"], {}, training_cost)
    page = (tmp_path / "report.html").read_text()
    assert "Learning curves side by side" in page
    assert "These 2 runs tested the same" in page
    assert "cannot be told apart" in page
    assert "Settings that differ" not in page
    cost = training_cost([tmp_path / "one"])
    assert cost is not None
    assert page.count(f"<td>{cost.seconds:.1f}</td><td>cpu</td>") == 2
    assert "one (validation)" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"drop": ["z"]}, "x.drop: expected classes of the corpus, got 'z'; there are a, b, c"),
        ({"classes": ["a", "z"]}, "x.classes: expected classes of the corpus, got 'z'; there are a, b, c"),
        ({"drop": ["a", "b"]}, "x.drop: expected two classes or more to be left of a, b, c"),
    ],
)
def test_classes_that_are_not_there(three_classes: Store, tmp_path: Path, options: dict[str, Any], said: str) -> None:
    assert said in train(three_classes, tmp_path, **options)
