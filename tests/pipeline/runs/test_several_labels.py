"""Runs on clips with several labels: from a table to scores, report and answers, and what is refused."""

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import write_overlaps
from sklearn import metrics as sklearn_metrics
from trained import CNN, ONLY_ORIGINAL, TRAINING, TrainedRun, trained_run

import otogura
from features.tensors.four_channel import Recipe
from pipeline.commands.main import main
from pipeline.config.schema import parse
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.runs.fitting import class_weights
from pipeline.runs.learnable import learned_classes
from pipeline.runs.train import train_experiment
from pipeline.support.errors import InputError
from stores import open_store
from training.report.comparison import compare
from training.settings import Training
from training.tasks import MULTILABEL

RECIPE = Recipe(frames=24, n_mels=32, variants=ONLY_ORIGINAL)
SPLIT = {"validation": 0.25, "test": 0.25}

Train = Callable[..., TrainedRun]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train on 48 clips of one to three tones, by settings of the experiment."""

    def trained(*, fold: bool = False, **options: Any) -> TrainedRun:
        folder = tmp_path_factory.mktemp("tones")
        root = write_overlaps(folder / "corpus", clips=48)
        corpus = AudioCorpus(root=root, table=Path("labels.csv"), group="group", fold="fold" if fold else None)
        named = {"root": "x", "table": "labels.csv"} | ({"fold": "fold"} if fold else {})
        settings = {"task": "multilabel", "split": SPLIT, "corpus": named}
        return trained_run(folder, corpus, RECIPE, **settings | options)

    return trained


@pytest.fixture(scope="module")
def run(train: Train) -> TrainedRun:
    return train(training={"epochs": 30, "learning_rate": 3e-3, "class_weight": "balanced", "leak_meter": True})


def table_of(run: TrainedRun) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return names, labels and probabilities of the test recordings."""
    table = pq.read_table(run.folder / "predictions.parquet")
    labels = MULTILABEL.labels(table["class"].to_pylist(), run.metrics["classes"])
    logits = np.stack([table[f"logit {name}"].to_numpy() for name in run.metrics["classes"]], axis=1)
    return table["recording"].to_pylist(), labels, MULTILABEL.probabilities(logits)


def test_scores_are_those_of_scikit_learn(run: TrainedRun) -> None:
    _, labels, probabilities = table_of(run)
    metrics = run.metrics
    assert metrics["classes"] == ["a", "b", "c"]
    assert metrics["train_clips"] + metrics["validation_clips"] + metrics["test_clips"] == 48
    thresholds = np.array([metrics["thresholds"][name] for name in metrics["classes"]])
    answered = probabilities >= thresholds
    expected = {
        "map": sklearn_metrics.average_precision_score(labels, probabilities),
        "macro_roc_auc": sklearn_metrics.roc_auc_score(labels, probabilities),
        "accuracy": sklearn_metrics.accuracy_score(labels, answered),
        "micro_f1": sklearn_metrics.f1_score(labels, answered, average="micro"),
        "macro_f1": sklearn_metrics.f1_score(labels, answered, average="macro"),
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert metrics["map"] > metrics["baseline"]["map"] + 0.1
    assert metrics["label_cardinality"]["truth"] == pytest.approx(labels.sum() / len(labels))
    assert metrics["linear_baseline"]["map"] > 0
    low, high = metrics["intervals"]["map"]
    assert low <= metrics["map"] <= high
    assert 0 <= metrics["leak"]["claimed_accuracy"] <= 1


def test_the_report_has_what_means_something_for_several_labels(run: TrainedRun) -> None:
    page = (run.folder / "report.html").read_text()
    for title in ("Labels", "Precision and recall", "Confusion of labels", "How sure", "Where it looked", "Data"):
        assert f">{title}<" in page
    for text in ("mAP by chance", "mAP", "macro ROC-AUC", "logistic regression mAP", "accuracy, all labels right"):
        assert text in page
    for title in ("Confusion matrix", "Not sure", "By confidence"):
        assert f">{title}<" not in page


def test_the_model_answers_the_labels_above_their_thresholds_as_its_evaluation_does(run: TrainedRun) -> None:
    names, _, probabilities = table_of(run)
    model = otogura.load_model(run.folder, device="cpu")
    thresholds = run.metrics["thresholds"]
    described = json.loads((run.folder / "model.json").read_text())
    assert described["task"] == "multilabel"
    assert described["thresholds"] == list(thresholds.values())
    for name, row in zip(names, probabilities, strict=True):
        answer = model.predict(run.corpus / name)
        assert list(answer.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-5)
        expected = [label for label, share in answer.probabilities.items() if share >= thresholds[label]]
        assert list(answer.labels or ()) == expected
        shown = answer.described()
        assert (shown["class"], shown["labels"], shown["sure"]) == (";".join(expected), expected, True)
        assert [segment["labels"] for segment in shown["segments"]] == [expected]


@pytest.mark.parametrize("form", ["table", "csv", "jsonl"])
def test_the_command_prints_labels_as_a_table_has_them(
    run: TrainedRun, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run.corpus / "07.wav"
    answer = otogura.load_model(run.folder, device="cpu").predict(path)
    words = ["otogura", "predict", run.folder, path, "--format", form, "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = capsys.readouterr().out
    if form == "table":
        assert printed.splitlines()[1].startswith(answer.class_name or "–")
    elif form == "csv":
        assert next(csv.DictReader(io.StringIO(printed)))["class"] == answer.class_name
    else:
        assert json.loads(printed)["labels"] == list(answer.labels or ())


def test_a_run_that_goes_on_from_its_weights_says_what_changed(run: TrainedRun, tmp_path: Path) -> None:
    (path,) = (run.folder.parents[2] / "stores" / "family").glob("*/manifest.json")
    store = open_store(path.parent)
    training = TRAINING | {"epochs": 1, "keep": "last", "validation": False}
    settings = {"corpus": {"root": "x"}, "model": CNN, "task": "multilabel", "split": SPLIT, "training": training}
    setup = parse({"experiments": {"x": settings}}, "").experiments["x"]
    metrics = train_experiment(
        tmp_path / "x", store, setup, name="x", config_path="x", init_from=run.folder, probes={"probe": run.folder}
    )
    page = (tmp_path / "x" / "report.html").read_text()
    assert "before: average precision" in page
    assert set(metrics["probes"]["probe"]["differences"]) == {"map", "macro_roc_auc", "micro_f1", "accuracy"}
    assert "probe mAP" in page


def test_windows_with_the_same_labels_are_joined(run: TrainedRun) -> None:
    model = otogura.load_model(run.folder, device="cpu")
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, 22050 * 4).astype(np.float32)
    answer = model.predict(sound, 22050, hop_s=0.25)
    merged = answer.merged()
    assert len(merged.segments) <= len(answer.segments)
    assert merged.probabilities == answer.probabilities
    whole = np.average(
        [list(segment.probabilities.values()) for segment in answer.segments], axis=0, weights=answer.heard.weight
    )
    assert list(answer.probabilities.values()) == pytest.approx(whole.tolist(), abs=1e-6)


def test_mistakes_are_listed_with_all_their_labels(train: Train) -> None:
    run = train(training={"epochs": 1})
    lines = (run.folder / "mistakes.csv").read_text().splitlines()
    assert lines[0] == "recording,class,taken for,a,b,c"
    names, labels, probabilities = table_of(run)
    thresholds = np.array(list(run.metrics["thresholds"].values()))
    wrong = ((probabilities >= thresholds) != labels).any(axis=1)
    assert {line.split(",")[0] for line in lines[1:]} == {
        name for name, is_wrong in zip(names, wrong, strict=True) if is_wrong
    }


def test_folds_are_scored_together(train: Train) -> None:
    run = train(fold=True, folds=[1, 2], training={"epochs": 2})
    assert run.metrics["folds"] == [1, 2]
    assert run.metrics["test_recordings"] == 48
    assert {"map", "micro_f1", "accuracy"} <= run.metrics["mean"].keys()
    assert len(run.metrics["intervals"]["map"]) == 2
    assert ">Labels<" in (run.folder / "report.html").read_text()


@pytest.mark.parametrize(
    "training",
    [
        {"augment": {"mixup": 0.3}, "label_smoothing": 0.1, "class_weight": 4.0, "average": 0.9},
        {"keep": "last", "validation": False, "accumulate": 2, "normalise": "train"},
    ],
    ids=["mixup", "unvalidated"],
)
def test_training_has_its_other_settings(train: Train, training: dict[str, Any]) -> None:
    run = train(training={"epochs": 2, **training})
    assert np.isfinite(run.metrics["loss"])
    if "validation" in training:
        assert set(run.metrics["thresholds"].values()) == {0.5}
        assert "validation_map" not in run.metrics


def test_a_corpus_with_semicolons_is_still_learned_by_single_classes(train: Train) -> None:
    run = train(task="multiclass", training={"epochs": 1})
    assert "c; b; a" in run.metrics["classes"]
    assert "confusion" in run.metrics


def test_runs_of_both_tasks_are_compared_in_one_page(run: TrainedRun, train: Train, tmp_path: Path) -> None:
    others = [run, train(training={"epochs": 2}), train(task="multiclass", training={"epochs": 1})]
    folders = []
    for number, other in enumerate(others):
        folders.append(tmp_path / "runs" / f"run{number}")
        folders[-1].parent.mkdir(exist_ok=True)
        folders[-1].symlink_to(other.folder)
    compare(tmp_path, folders, {}, lambda parts: None)
    page = (tmp_path / "report.html").read_text()
    assert "highest mAP" in page
    assert "No other run tested the same recordings, with the same classes, groups and folds, as run2" in page


def test_one_label_may_be_dropped_and_a_clip_without_another_is_left_out(train: Train) -> None:
    run = train(training={"epochs": 1}, drop=["c"])
    assert run.metrics["classes"] == ["a", "b"]
    assert "roc_auc" not in run.metrics  # two labels are no detector
    only_c = [number for number in range(48) if not number & 3 and (number & 4 or number // 8 % 3 == 2)]
    assert run.metrics["train_clips"] + run.metrics["validation_clips"] + run.metrics["test_clips"] == 48 - len(only_c)


def test_weights_make_clips_with_a_label_and_without_weigh_the_same() -> None:
    labels = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], bool)
    absent, present = np.array(class_weights(Training(class_weight="balanced"), labels, 2, None, MULTILABEL))
    assert present.tolist() == pytest.approx([2, 2 / 3])
    assert absent.tolist() == pytest.approx([2 / 3, 2])
    for weight in ("balanced", 3.0):
        absent, present = np.array(class_weights(Training(class_weight=weight), labels, 2, None, MULTILABEL))
        assert np.where(labels, present, absent).mean(axis=0).tolist() == pytest.approx([1, 1])
    assert (present / absent).tolist() == pytest.approx([3, 3])
    assert class_weights(Training(), labels, 2, None, MULTILABEL) is None


def rows_of(labels: Sequence[str | None]) -> pa.Table:
    return pa.table({"id": [f"{number}.wav" for number in range(len(labels))], "label": labels})


def test_classes_are_the_names_in_all_lists() -> None:
    rows = rows_of(["a;b", "b ; c", None, "c", "a"])
    assert learned_classes(rows, None, (), "x", "multilabel") == ["a", "b", "c"]
    assert learned_classes(rows, None, ["b"], "x", "multilabel") == ["a", "c"]


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        (["a;b", "a;;b"], r"x\.corpus: the labels 'a;;b' of 1\.wav: expected a name for each label, got a blank one"),
        (["a;b", "b;a;b"], r"x\.corpus: the labels 'b;a;b' of 1\.wav: expected each label once, got 'b' twice"),
        ([None, None], "x: expected recordings with labels, but none of 2 has one"),
        (["a", "a"], "x: expected two classes or more to learn, found only a"),
        (["a;b", "a"], r"x: class 'b' has one recording, which cannot .* drop: \[b\]"),
    ],
)
def test_faulty_labels_are_one_clear_line(labels: list[str | None], line: str) -> None:
    with pytest.raises(InputError, match=f"^{line}$"):
        learned_classes(rows_of(labels), None, (), "x", "multilabel")


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_column_of_file_names_by_mistake_is_one_short_line(task: Any) -> None:
    rows = rows_of([f"{number}.wav" for number in range(100_000)])
    with pytest.raises(InputError, match=r"100000 classes, such as .* name the column of the classes, if") as raised:
        learned_classes(rows, None, (), "x", task)
    assert len(str(raised.value)) < 1000
    with pytest.raises(InputError) as raised:
        learned_classes(rows, ["no", "such"], (), "x", task)
    assert len(str(raised.value)) < 1000


def test_a_label_of_every_clip_is_refused(tmp_path: Path) -> None:
    root = write_overlaps(tmp_path / "corpus", clips=24)
    lines = (root / "labels.csv").read_text().splitlines()
    always = [line.replace(".wav,", ".wav,always;") for line in lines[1:]]
    (root / "labels.csv").write_text("\n".join([lines[0], *always]))
    corpus = AudioCorpus(root=root, table=Path("labels.csv"), group="group")
    with pytest.raises(InputError, match=r"^x: every training clip has the label 'always', .* drop: \[always\]$"):
        trained_run(tmp_path, corpus, RECIPE, task="multilabel", split=SPLIT)


def test_a_class_to_be_detected_is_refused() -> None:
    experiment = {"corpus": {"root": "x"}, "task": "multilabel", "positive": "a"}
    with pytest.raises(InputError, match=r"experiments\.x: positive is one of two classes, and with task: multilabel"):
        parse({"experiments": {"x": experiment}}, "")
