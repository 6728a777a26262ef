"""Metrics and files of a run, from answers that are given in the place of a trained network."""

import csv
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from predicted import scored_clips
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from stores_of import small_store
from torch import nn

import pipeline.runs.fitting
import pipeline.runs.single
import pipeline.runs.train
import training.evaluation.decision
from pipeline.config.experiment import Experiment
from pipeline.config.schema import parse
from pipeline.corpus.split import Split
from pipeline.corpus.split_file import update_split
from pipeline.runs.events import read_events
from pipeline.runs.run import prepare_run, run_sides
from pipeline.runs.train import train_experiment
from pipeline.support.errors import InputError
from stores import Store
from stores.files import read_json, write_json
from training.evaluation.detection import detect_across
from training.evaluation.explanation import Explanation
from training.evaluation.intervals import score_intervals
from training.evaluation.prediction_table import read_predictions
from training.evaluation.predictions import Predictions
from training.fit import Fitted
from training.report.page import Panel

MODEL = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}
CLIPS = 20
PANEL = Panel("Mistakes")
HISTORY = [
    {"epoch": number, "learning_rate": 0.1}
    | {f"{side}_{name}": 0.5 for side in ("train", "validation") for name in ("loss", "accuracy")}
    for number in range(2)
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Store]:
    """Stores of two and of three classes."""
    return {count: small_store(tmp_path_factory.mktemp("run"), "abc"[:count], CLIPS) for count in (2, 3)}


def chosen(**options: Any) -> Experiment:
    training = {"epochs": 1, "batch_size": 4, "device": "cpu"} | options.pop("training", {})
    return parse({"experiments": {"x": {"model": MODEL, "training": training} | options}}, "").experiments["x"]


def answers(store: Store) -> np.ndarray:
    """Logits `(clips, classes)`, float32, which are right more often than not."""
    labels = numbers(store)
    noise = np.random.default_rng(1).normal(0, 1.5, (len(labels), labels.max() + 1))
    return (noise + 2 * np.eye(labels.max() + 1)[labels]).astype(np.float32)


def ids(store: Store) -> list[str]:
    names: list[str] = store.rows["id"].to_pylist()
    return names


def run_groups(store: Store) -> np.ndarray:
    return np.unique(store.rows["group"].to_pylist(), return_inverse=True)[1]


def numbers(store: Store) -> np.ndarray:
    return np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]


class Trained:
    """Takes the place of training and of the network."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[dict[str, Any]] = []
        self.labels: list[str] = []
        monkeypatch.setattr(pipeline.runs.single, "fit_run", self._fit_run)
        monkeypatch.setattr(pipeline.runs.fitting, "predict", self._predict)
        monkeypatch.setattr(pipeline.runs.single, "explain", self._explain)

    def _fit_run(
        self, folder: Path, sides: Any, run: Any, init_from: Path | None, before_epoch: Any, until: Any, label: str
    ) -> Fitted:
        write_json(folder / "run.json", {})
        before_epoch([], None)
        self.labels.append(label)
        self.calls.append({"folder": folder, "sides": sides, "run": run, "init_from": init_from, "until": until})
        return Fitted(nn.Linear(3, 2), HISTORY)

    def _explain(
        self, network: nn.Module, stream: Any, decided: np.ndarray, device: torch.device, *_: Any
    ) -> list[Explanation]:
        rows, labels = (np.concatenate([batch[name].numpy() for batch in stream]) for name in ("row", "label"))
        self.explained = list(zip(rows.tolist(), labels.tolist(), decided.tolist(), strict=True))
        flat = {"begin": 0, "end": 24, "occlusion": np.zeros(24), "pooling": np.ones(24), "received": None}
        columns = ("row", "label", "decided")
        return [
            Explanation(**dict(zip(columns, one, strict=True)), probabilities=np.ones(3), agreement=0.25, **flat)
            for one in self.explained
        ]

    def _predict(self, network: nn.Module, stream: Any, device: torch.device, task: Any) -> Predictions:
        assert device.type == "cpu"
        batches = list(stream)
        assert not any(batch["variant"].any() for batch in batches)  # originals
        rows, labels = (np.concatenate([batch[name].numpy() for batch in batches]) for name in ("row", "label"))
        columns = ["abc".index(name) for name in self.calls[-1]["run"].classes]
        return Predictions(rows, labels, answers(stream.store)[np.ix_(rows, columns)])


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Trained:
    return Trained(monkeypatch)


def train(folder: Path, store: Store, experiment: Experiment, **options: Any) -> dict[str, Any]:
    return train_experiment(folder, store, experiment, name="x", config_path="mine.yaml: experiments.x", **options)


def shares(logits: np.ndarray) -> np.ndarray:
    values = np.exp(logits.astype(np.float64))
    return values / values.sum(axis=1, keepdims=True)


def test_the_metrics_are_those_of_the_test_clips(
    stores: dict[int, Store], trained: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, folder = stores[3], tmp_path / "run"
    caplog.set_level(logging.INFO, "otogura")
    metrics = train(folder, store, chosen())
    (call,) = trained.calls
    sides, run = call["sides"], call["run"]
    assert (call["folder"], call["init_from"], call["until"]) == (folder, None, None)
    assert [len(sides.train), len(sides.validation), len(sides.test)] == [42, 9, 9]
    truth, logits = numbers(store)[sides.test], answers(store)[sides.test]
    taken = logits.argmax(axis=1)
    f1 = [f1_score(truth == number, taken == number) for number in range(3)]
    assert 0 < (taken == truth).mean() < 1
    described = read_json(folder / "model.json")
    sections = {"per_class", "macro_precision", "macro_recall", "intervals", "distributions", "terciles", "calibration"}
    assert {
        name: metrics[name] for name in metrics.keys() - sections - {"not_sure", "baseline", "linear_baseline"}
    } == {
        "accuracy": pytest.approx((taken == truth).mean()),
        "top5_accuracy": 1,
        "macro_f1": pytest.approx(np.mean(f1)),
        "loss": pytest.approx(log_loss(truth, shares(logits)), rel=1e-5),
        "validation_accuracy": pytest.approx(
            (answers(store)[sides.validation].argmax(axis=1) == numbers(store)[sides.validation]).mean()
        ),
        "validation_loss": pytest.approx(
            log_loss(numbers(store)[sides.validation], shares(answers(store)[sides.validation])), rel=1e-5
        ),
        "classes": ["a", "b", "c"],
        "parameters": 3 * 2 + 2,
        "train_clips": 42,
        "validation_clips": 9,
        "test_clips": 9,
        "test_recordings": 9,
        "store": store.identity,
        "model_version": described["version"],
        "attention": {"agreement": 0.25, "clips": len(trained.explained)},
        "untested": [],
        "unpredicted": [],
        "confusion": [[int(((truth == a) & (taken == b)).sum()) for b in range(3)] for a in range(3)],
        "history": HISTORY,
    }
    assert [row["f1"] for row in metrics["per_class"]] == pytest.approx(f1)
    assert read_json(folder / "metrics.json") == metrics
    assert described["classes"] == run.classes
    expected = []
    for label in range(3):
        for right in (True, False):
            rows = [row for row in sides.test.tolist() if numbers(store)[row] == label]
            rows = [row for row in rows if (answers(store)[row].argmax() == label) == right]
            best = max(rows, key=lambda row: shares(answers(store))[row].max(), default=None)
            expected += [] if best is None else [(best, label, int(answers(store)[best].argmax()))]
    assert trained.explained == expected
    assert "Where it looked" in (folder / "report.html").read_text()
    assert described["model"] == run.setup.model.model_dump(mode="json")
    assert (described["recipe"], described["store"]) == (store.manifest["recipe"], store.identity)
    assert not described.keys() & {"positive", "threshold"}
    decision = (metrics["calibration"]["temperature"], metrics["not_sure"]["limit"])
    assert (described["temperature"], described["not_sure_limit"]) == decision
    trained_labels = numbers(store)[sides.train]
    assert metrics["baseline"] == {"class": "a", "accuracy": pytest.approx((truth == 0).mean())}
    assert np.bincount(trained_labels).argmax() == 0
    assert metrics["intervals"]["accuracy"][0] <= metrics["accuracy"] <= metrics["intervals"]["accuracy"][1]
    assert sum(row["clips"] for row in metrics["terciles"]) == 9
    with open(folder / "mistakes.csv", newline="") as file:
        mistakes = {line["recording"]: (line["class"], line["taken for"]) for line in csv.DictReader(file)}
    names = store.rows["id"].to_pylist()
    wrong = [(row, "abc"[number]) for row, number in zip(sides.test.tolist(), taken.tolist(), strict=True)]
    assert mistakes == {
        names[row]: ("abc"[numbers(store)[row]], other) for row, other in wrong if "abc"[numbers(store)[row]] != other
    }
    with open(folder / "split.csv", newline="") as file:
        recorded = {line["id"]: line["side"] for line in csv.DictReader(file)}
    assert recorded == {
        names[row]: side for side in ("train", "validation", "test") for row in getattr(sides, side).tolist()
    }
    learned = pq.read_table(folder / "learned.parquet")
    assert len(learned) == 42 + 9
    title = f"x on {store.manifest['corpus']}"
    assert f"{title}: 42 training, 9 validation, 9 test clips" in caplog.messages
    page = (folder / "report.html").read_text()
    assert f"<title>{title}" in page
    assert "Before and after" not in page


def test_one_of_two_classes_is_detected_by_the_threshold_of_validation(
    stores: dict[int, Store], trained: Trained, tmp_path: Path
) -> None:
    store = stores[2]
    metrics = train(tmp_path, store, chosen(positive="a"))
    sides = trained.calls[0]["sides"]
    truth, found = (numbers(store)[sides.test] == 0), shares(answers(store)[sides.test])[:, 0]
    assert (metrics["positive"], read_json(tmp_path / "model.json")["positive"]) == ("a", "a")
    assert read_json(tmp_path / "model.json")["threshold"] == metrics["threshold"]
    called = found >= metrics["threshold"]
    assert metrics["accuracy"] == pytest.approx((called == truth).mean())
    assert metrics["f1"] == pytest.approx(f1_score(truth, called))
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(truth, found))
    page = (tmp_path / "report.html").read_text()
    assert "Detection of a" in page
    validated, found = numbers(store)[sides.validation] == 0, shares(answers(store)[sides.validation])[:, 0]
    across = detect_across(found, validated, run_groups(store)[sides.validation])
    assert metrics["validation_accuracy"] == pytest.approx((across == validated).mean())
    taken = found >= metrics["threshold"]
    assert f1_score(validated, taken) == max(
        f1_score(validated, shares(answers(store)[sides.validation])[:, 0] >= other) for other in np.linspace(0, 1, 200)
    )


@pytest.mark.parametrize(
    ("labels", "named", "positive"),
    [(("NG", "OK"), None, "NG"), (("NG", "OK"), "OK", "OK"), (("A", "NG"), None, "NG"), (("a", "b"), None, "b")],
)
def test_which_of_two_classes_is_detected(
    stores: dict[int, Store], monkeypatch: pytest.MonkeyPatch, labels: tuple[str, str], named: str | None, positive: str
) -> None:
    store = stores[2]
    column = [labels["ab".index(label)] for label in store.rows["label"].to_pylist()]
    monkeypatch.setattr(store, "rows", store.rows.set_column(store.rows.column_names.index("label"), "label", [column]))
    run = prepare_run(store, chosen(positive=named), "x")
    assert (run.classes, run.positive, run.positive_number) == (list(labels), positive, labels.index(positive))


def test_the_threshold_decides_and_not_which_class_is_likelier(
    stores: dict[int, Store], trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training.evaluation.decision, "choose_threshold", lambda found, truth: 0.01)
    metrics = train(tmp_path, stores[2], chosen(positive="a"))
    test = trained.calls[0]["sides"].test
    found, truth = shares(answers(stores[2]))[test, 0], numbers(stores[2])[test] == 0
    assert metrics["accuracy"] == pytest.approx(((found >= 0.01) == truth).mean())
    assert metrics["accuracy"] != pytest.approx(((found >= 0.5) == truth).mean())


def test_without_validation_the_likelier_class_counts_and_nothing_is_said_of_validation(
    stores: dict[int, Store], trained: Trained, tmp_path: Path
) -> None:
    store = stores[2]
    metrics = train(tmp_path, store, chosen(training={"keep": "last"}))
    sides = trained.calls[0]["sides"]
    assert (metrics["threshold"], metrics["positive"]) == (0.5, "b")
    taken = answers(store)[sides.test].argmax(axis=1)
    assert metrics["accuracy"] == pytest.approx((taken == numbers(store)[sides.test]).mean())
    assert not [name for name in metrics if name.startswith("validation_") and name != "validation_clips"]
    assert metrics["validation_clips"] == 0
    assert metrics["calibration"].keys() == {"temperature", "ece", "classwise_ece", "reliability"}
    assert metrics["not_sure"] == {"limit": None, "coverage": 1, "accuracy": metrics["accuracy"]}
    described = read_json(tmp_path / "model.json")
    assert (described["temperature"], described["not_sure_limit"]) == (None, None)


def test_the_wanted_accuracy_changes_the_limit_and_no_weight(
    stores: dict[int, Store], trained: Trained, tmp_path: Path
) -> None:
    store, described, metrics = stores[3], [], []
    for accuracy in (0.3, 1.0):
        metrics.append(train(tmp_path / str(accuracy), store, chosen(sure_accuracy=accuracy)))
        described.append(read_json(tmp_path / str(accuracy) / "model.json"))
    assert metrics[0]["not_sure"]["limit"] < metrics[1]["not_sure"]["limit"]
    assert metrics[0]["not_sure"]["coverage"] > metrics[1]["not_sure"]["coverage"]
    assert described[0]["version"] != described[1]["version"]


def test_segments_of_a_recording_are_one_answer_of_its_group(
    stores: dict[int, Store], trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores[3]
    groups = [name.split("/")[0] + str(int(name.split("/")[1].split(".")[0]) // 4) for name in ids(store)]
    rows = store.rows.set_column(store.rows.column_names.index("group"), "group", [groups])
    monkeypatch.setattr(store, "rows", rows)
    metrics = train(tmp_path, store, chosen())
    test = trained.calls[0]["sides"].test
    clips = scored_clips(Predictions(test, numbers(store)[test], answers(store)[test]), run_groups(store)[test])
    assert 1 < clips.group_count < len(test)
    assert metrics["intervals"] == {name: pytest.approx(bounds) for name, bounds in score_intervals(clips).items()}


def test_a_run_follows_the_record_its_beginning_and_its_time(
    stores: dict[int, Store], trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, record = stores[3], tmp_path / "split.csv"
    update_split(record, store.rows, Split(seed=5))
    first = train(tmp_path / "first", store, chosen(), record=record)
    monkeypatch.setattr(pipeline.runs.train.time, "monotonic", lambda: 1000.0)
    experiment = chosen(training={"max_time": timedelta(minutes=2)})
    train(tmp_path / "second", store, experiment, record=record, init_from=tmp_path / "first")
    before, after = trained.calls
    drawn = run_sides(prepare_run(store, experiment, "x"))
    assert after["sides"].digest() == before["sides"].digest() != drawn.digest()
    assert (after["init_from"], after["until"]) == (tmp_path / "first", 1120.0)
    page = (tmp_path / "second" / "report.html").read_text()
    assert f"The weights come from first, model {first['model_version']}." in page
    assert page.index("Before and after") < page.index("Mistakes")
    assert len(pq.read_table(tmp_path / "second" / "learned.parquet")) == 51
    with pytest.raises(InputError, match="expected weights that know no clip of"):
        train(tmp_path / "third", store, chosen(), init_from=tmp_path / "first")  # which draws another split
    assert not (tmp_path / "third").exists()


def test_classes_that_are_chosen_and_clips_that_are_left_out(
    stores: dict[int, Store],
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two clips of one group, of which a person has put one on another side."""
    store, record = stores[3], tmp_path / "split.csv"
    caplog.set_level(logging.INFO, "otogura")
    names, groups = store.rows["id"].to_pylist(), store.rows["group"].to_pylist()
    one, other = names.index("a/0.wav"), names.index("a/1.wav")
    groups[one] = groups[other]
    rows = store.rows.set_column(store.rows.column_names.index("group"), "group", [groups])
    monkeypatch.setattr(store, "rows", rows)
    update_split(record, rows, Split())
    lines = record.read_text().splitlines()
    record.write_text("".join(f"{line.rsplit(',', 1)[0]},{side}\n" for line, side in torn(lines)))
    metrics = train(tmp_path / "run", store, chosen(classes=["a", "c"]), record=record)
    assert metrics["classes"] == ["a", "c"]
    assert sum(metrics[f"{side}_clips"] for side in ("train", "validation", "test")) == 2 * CLIPS - 1
    left = f"x on {store.manifest['corpus']}: 1 clips left out, because their group is on another side"
    assert left in caplog.messages
    with open(tmp_path / "run" / "split.csv", newline="") as file:
        assert [line["id"] for line in csv.DictReader(file) if line["side"] == "left_out"] == ["a/1.wav"]


def torn(lines: list[str]) -> list[tuple[str, str]]:
    """Return the lines of a recorded split with their sides: one clip tests, another one of its group trains."""
    sides = {"a/0.wav": "test", "a/1.wav": "train"}
    return [(line, sides.get(line.split(",")[0], line.rsplit(",", 1)[1])) for line in lines]


def test_mistakes_can_be_heard_where_the_recordings_are_there(
    stores: dict[int, Store], trained: Trained, tmp_path: Path
) -> None:
    store, asked = stores[3], []

    def recordings(rows: range) -> list[Callable[[], Any]]:
        asked.extend(rows)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        train(tmp_path, store, chosen(), recordings=recordings)
    with open(tmp_path / "mistakes.csv", newline="") as file:
        wrong = [line["recording"] for line in csv.DictReader(file)]
    assert [store.rows["id"][row].as_py() for row in asked] == wrong[:1]


def test_each_fold_is_a_run_of_its_own(
    stores: dict[int, Store], trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores[3]
    folds = [number % 4 + 1 for number in range(len(store))]
    rows = store.rows.set_column(store.rows.column_names.index("fold"), "fold", [folds])
    monkeypatch.setattr(store, "rows", rows)
    corpus = {"root": "x", "table": "t.csv", "fold": "fold"}
    experiment = chosen(corpus=corpus, folds=[2, 4], training={"max_time": timedelta(minutes=1)})
    heard: list[Callable[[int], Any]] = []
    monkeypatch.setattr(
        pipeline.runs.single, "mistakes_panel", lambda wrong, classes, sound, picture: heard.append(sound) or PANEL
    )
    monkeypatch.setattr(pipeline.runs.train.time, "monotonic", lambda: 1000.0)
    for name in ("first", "second"):
        start = None if name == "first" else tmp_path / "first"
        metrics = train(tmp_path / name, store, experiment, init_from=start, recordings=lambda rows: list(rows))
    assert [sound(7) for sound in heard] == [7] * 4  # of the row that is asked for
    assert [call["until"] for call in trained.calls] == [1060.0] * 4
    assert trained.labels == ["fold 2", "fold 4"] * 2
    assert [call["folder"].relative_to(tmp_path).as_posix() for call in trained.calls] == [
        "first/fold-2", "first/fold-4", "second/fold-2", "second/fold-4"
    ]  # fmt: skip
    for call, fold in zip(trained.calls, (2, 4, 2, 4), strict=True):
        assert call["sides"].test.tolist() == [row for row, other in enumerate(folds) if other == fold]
    assert [call["init_from"] for call in trained.calls] == [
        None, None, tmp_path / "first" / "fold-2", tmp_path / "first" / "fold-4"
    ]  # fmt: skip
    assert metrics["folds"] == [2, 4]
    single = [read_json(tmp_path / "second" / f"fold-{fold}" / "metrics.json") for fold in (2, 4)]
    assert metrics["mean"]["accuracy"] == pytest.approx(np.mean([one["accuracy"] for one in single]))
    assert sum(row["clips"] for row in metrics["terciles"]) == sum(one["test_clips"] for one in single)
    baselines, baseline = [one["linear_baseline"] for one in single], metrics["linear_baseline"]
    assert baseline["accuracy"] == metrics["mean"]["linear_baseline"]["accuracy"]
    assert baseline["accuracy"] == pytest.approx(np.mean([one["accuracy"] for one in baselines]))
    for score in ("accuracy", "macro_recall"):
        assert baseline["differences"][score] == pytest.approx(
            np.mean([one["differences"][score] for one in baselines])
        )
        low, high = baseline["difference_intervals"][score]
        assert low <= baseline["differences"][score] <= high
    for folder in ("second", "second/fold-2"):
        page = (tmp_path / folder / "report.html").read_text()
        assert page.count("Beside a logistic regression") == 1
    assert read_json(tmp_path / "second" / "metrics.json") == metrics
    events = [list(read_events(tmp_path / "second" / f"fold-{fold}" / "events.jsonl")) for fold in (2, 4)]
    assert [event[0]["fold"] for event in events] == [2, 4]
    assert [event[0]["init_from"] for event in events] == ["first", "first"]
    assert [event[-1]["scores"]["accuracy"] for event in events] == [one["accuracy"] for one in single]
    page = (tmp_path / "second" / "fold-4" / "report.html").read_text()
    assert f"<title>x on {store.manifest['corpus']}, tested on fold 4" in page


def test_a_run_leaves_its_predictions_and_its_settings(
    stores: dict[int, Store], trained: Trained, tmp_path: Path
) -> None:
    store = stores[2]
    metrics = train(tmp_path, store, chosen(positive="a", sure_accuracy=0.7), init_from=None)
    test = trained.calls[0]["sides"].test
    lines = sorted(pq.read_table(tmp_path / "predictions.parquet").to_pylist(), key=lambda line: line["recording"])
    assert [line["recording"] for line in lines] == sorted(ids(store)[row] for row in test)
    rows = [ids(store).index(line["recording"]) for line in lines]
    assert [line["group"] for line in lines] == store.rows["group"].take(rows).to_pylist()
    assert [line["class"] for line in lines] == store.rows["label"].take(rows).to_pylist()
    assert [[line["logit a"], line["logit b"]] for line in lines] == answers(store)[rows].tolist()
    detected = shares(answers(store))[rows, 0] >= metrics["threshold"]
    assert [line["decided"] for line in lines] == ["a" if positive else "b" for positive in detected]
    assert read_predictions(tmp_path / "predictions.parquet").clips.positive == 0
    settings = read_json(tmp_path / "settings.json")
    assert (settings["corpus"], settings["recipe"]) == (store.manifest["corpus"], store.manifest["recipe"])
    assert settings["training"] == trained.calls[0]["run"].setup.training.model_dump(mode="json")
    assert [settings[name] for name in ("positive", "sure_accuracy", "init_from")] == ["a", 0.7, None]
    assert "2 epochs in" in (tmp_path / "report.html").read_text()


def test_predictions_of_what_is_tested_no_longer_go(
    stores: dict[int, Store], trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores[3]
    folds = [number % 4 + 1 for number in range(len(store))]
    monkeypatch.setattr(store, "rows", store.rows.set_column(store.rows.column_names.index("fold"), "fold", [folds]))
    corpus = {"root": "x", "table": "t.csv", "fold": "fold"}

    def left() -> list[str]:
        return sorted(
            path.relative_to(tmp_path).as_posix()
            for name in ("predictions.parquet", "settings.json")
            for path in tmp_path.rglob(name)
        )

    train(tmp_path, store, chosen(corpus=corpus))
    assert left() == ["predictions.parquet", "settings.json"]
    train(tmp_path, store, chosen(corpus=corpus, folds=[2, 4]))
    of_folds = [f"fold-{fold}/{name}" for fold in (2, 4) for name in ("predictions.parquet", "settings.json")]
    assert left() == of_folds
    train(tmp_path, store, chosen(corpus=corpus, folds=[2]))
    assert left() == [name for name in of_folds if name != "fold-4/predictions.parquet"]
    train(tmp_path, store, chosen(corpus=corpus))
    assert "predictions.parquet" in left()
    assert not list(tmp_path.glob("fold-*/predictions.parquet"))


@pytest.mark.parametrize("normalise", ["clip", "train"])
def test_a_model_that_attends_is_compared_with_its_occlusion(
    stores: dict[int, Store], tmp_path: Path, normalise: str
) -> None:
    model = {"name": "resnet_attention", "width": 0.125, "blocks": [1, 1, 1], "attention_blocks": 1}
    training = {"variants": "original", "normalise": normalise}
    metrics = train(tmp_path / "run", stores[3], chosen(model=model, training=training))
    assert -1 <= metrics["attention"]["agreement"] <= 1
    assert 0 < metrics["attention"]["clips"] <= 6
    assert read_json(tmp_path / "run" / "metrics.json")["attention"] == metrics["attention"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count(">heads<") == page.count(">occlusion<") >= metrics["attention"]["clips"]


def test_a_model_that_does_not_attend_has_its_occlusion_alone(stores: dict[int, Store], tmp_path: Path) -> None:
    metrics = train(tmp_path, stores[3], chosen(training={"variants": "original"}))
    assert metrics["attention"] is None
    page = (tmp_path / "report.html").read_text()
    assert ">occlusion<" in page
    assert ">attention<" not in page
