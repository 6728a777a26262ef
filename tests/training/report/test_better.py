"""Which of several runs is better, said on the page that compares them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import training.report.better
from training.evaluation.intervals import ScoredClips
from training.evaluation.prediction_table import PREDICTIONS, write_predictions
from training.evaluation.predictions import Predictions
from training.evaluation.scores import score
from training.report.better import better_sections
from training.report.page import Panel

CLIPS = 240
RANDOM = np.random.default_rng(7)
TRUTH = RANDOM.integers(0, 3, CLIPS)
HARD = np.repeat(RANDOM.normal(0, 1, CLIPS // 2), 2)  # pairs of recordings, easy and hard ones


def predictions(signal: float, seed: int, clips: int = CLIPS, classes: int = 3) -> Predictions:
    noise = np.random.default_rng(seed).normal(0, 1, (clips, classes))
    labels = TRUTH[:clips] % classes
    logits = (signal + HARD[:clips, None]) * np.eye(classes)[labels] + noise
    return Predictions(np.arange(clips), labels, logits.astype(np.float32))


def write(
    folder: Path,
    predicted: Predictions,
    *,
    order: np.ndarray | None = None,
    pairs: int = 2,
    positive: int | None = None,
) -> dict[str, Any]:
    """Write what a run leaves of its predictions in groups of `pairs` recordings; returns its metrics."""
    order = np.arange(len(predicted.labels)) if order is None else order
    shown = Predictions(predicted.rows[order], predicted.labels[order], predicted.logits[order])
    clips = ScoredClips(shown, shown.likeliest, order // pairs, positive)
    groups = pa.chunked_array([[f"group {number}" for number in clips.groups]])
    classes = list("abc")[: shown.logits.shape[1]]
    write_predictions(folder / PREDICTIONS, clips, [f"{number}.wav" for number in order], groups, classes)
    return score(shown, classes).summary


def sections(folder: Path, metrics: dict[str, dict[str, Any]]) -> list[Panel]:
    return better_sections({folder / name: of_run for name, of_run in metrics.items()})


def test_a_run_is_worse_the_same_or_the_best(tmp_path: Path) -> None:
    strong = predictions(2, 0)
    nearly = Predictions(strong.rows, strong.labels, np.where(strong.rows[:, None] == 5, 0, strong.logits))
    metrics = {
        "weak": write(tmp_path / "weak", predictions(0, 1)),
        "nearly": write(tmp_path / "nearly", nearly),
        "strong": write(tmp_path / "strong", strong),
    }
    (panel,) = sections(tmp_path, metrics)
    assert panel.title == "Which is better"
    assert "These 3 runs tested the same 240 recordings in 120 groups. Differences are to strong" in panel.note
    assert "come out as worse by chance" in panel.note
    assert panel.columns == (
        *("experiment", "by accuracy", "accuracy", "difference", "its 95 % interval"),
        *("by macro F1", "macro F1", "difference", "its 95 % interval"),
    )
    by_name = {row[0]: row[1:] for row in panel.rows}
    assert list(by_name) == ["strong", "nearly", "weak"]
    assert by_name["strong"] == [
        *("most accurate", f"{metrics['strong']['accuracy']:.3f}", "", ""),
        *("most accurate", f"{metrics['strong']['macro_f1']:.3f}", "", ""),
    ]
    for name, verdict in (("nearly", "cannot be told apart"), ("weak", "worse")):
        for place, metric in ((0, "accuracy"), (4, "macro_f1")):
            word, value, difference, interval = by_name[name][place : place + 4]
            assert value == f"{metrics[name][metric]:.3f}"
            assert float(difference) == pytest.approx(metrics[name][metric] - metrics["strong"][metric], abs=1e-3)
            low, high = map(float, interval.split(" – "))
            assert low <= float(difference) <= high
            assert word == verdict


def test_a_run_can_be_better_by_another_score_than_accuracy(tmp_path: Path) -> None:
    """The most accurate one misses a rare class."""
    labels = np.repeat([0, 1], [190, 10])
    always = Predictions(np.arange(200), labels, np.tile(np.float32([1, 0]), (200, 1)))
    decided = np.where(np.arange(200) % 13 == 0, 1 - labels, labels)
    careful = Predictions(np.arange(200), labels, np.eye(2, dtype=np.float32)[decided])
    metrics = {name: write(tmp_path / name, run) for name, run in (("always", always), ("careful", careful))}
    (panel,) = sections(tmp_path, metrics)
    assert panel.rows[1][0] == "careful"
    assert [panel.rows[1][place] for place in (1, 5)] == ["cannot be told apart", "better"]
    assert "by chance" not in panel.note


def test_of_runs_that_are_equally_accurate_the_one_with_the_lowest_loss_is_first(tmp_path: Path) -> None:
    strong = predictions(2, 0)
    surer = Predictions(strong.rows, strong.labels, strong.logits * 0.5)
    metrics = {"one": write(tmp_path / "one", strong), "two": write(tmp_path / "two", surer)}
    best = min(metrics, key=lambda name: metrics[name]["loss"])
    for runs in (metrics, dict(reversed(metrics.items()))):
        (panel,) = sections(tmp_path, runs)
        assert panel.rows[0][0] == best
        same = ["+0.000", "+0.000 – +0.000"]
        for place in (1, 5):
            assert panel.rows[1][place : place + 4] == ["cannot be told apart", panel.rows[0][place + 1], *same]


def test_the_order_of_the_clips_does_not_matter(tmp_path: Path) -> None:
    metrics = {"one": write(tmp_path / "one", predictions(2, 0)), "two": write(tmp_path / "two", predictions(1, 1))}
    straight = sections(tmp_path, metrics)
    write(tmp_path / "two", predictions(1, 1), order=np.random.default_rng(0).permutation(CLIPS))
    assert sections(tmp_path, metrics) == straight


def other_truth() -> Predictions:
    first = predictions(1, 1)
    labels = first.labels.copy()
    labels[17] = (labels[17] + 1) % 3
    return Predictions(first.rows, labels, first.logits)


@pytest.mark.parametrize(
    ("predicted", "pairs"),
    [(predictions(1, 1, CLIPS - 1), 2), (other_truth(), 2), (predictions(1, 1), 3)],
    ids=["a recording less", "another class of one", "other groups"],
)
def test_runs_that_tested_something_else_are_not_compared(tmp_path: Path, predicted: Predictions, pairs: int) -> None:
    metrics = {
        "one": write(tmp_path / "one", predictions(2, 0)),
        "two": write(tmp_path / "two", predictions(2, 1)),
        "other": write(tmp_path / "other", predicted, pairs=pairs),
    }
    compared, rest = sections(tmp_path, metrics)
    assert {row[0] for row in compared.rows} == {"one", "two"}
    assert (rest.title, rest.rows) == ("Which is better: not compared", [])
    assert rest.note == "No other run tested the same recordings, with the same classes, groups and folds, as other."
    del metrics["two"]
    (rest,) = sections(tmp_path, metrics)
    assert rest.note.endswith(", as one, other.")


def test_two_sets_of_runs_have_a_table_each(tmp_path: Path) -> None:
    kinds = {"a": CLIPS, "b": 100, "c": CLIPS, "d": 100}
    metrics = {name: write(tmp_path / name, predictions(1, ord(name), clips)) for name, clips in kinds.items()}
    panels = sections(tmp_path, metrics)
    assert [{row[0] for row in panel.rows} for panel in panels] == [{"a", "c"}, {"b", "d"}]
    assert "the same 100 recordings in 50 groups" in panels[1].note


def test_one_group_tells_nothing(tmp_path: Path) -> None:
    metrics = {
        name: write(tmp_path / name, predictions(signal, 1), pairs=CLIPS) for name, signal in (("a", 2), ("b", 0))
    }
    (panel,) = sections(tmp_path, metrics)
    assert "240 recordings in 1 group." in panel.note
    assert "One group of recordings says nothing of others" in panel.note
    _, word, value, difference, interval, *_ = panel.rows[1]
    assert float(difference) == pytest.approx(metrics["b"]["accuracy"] - metrics["a"]["accuracy"], abs=1e-3)
    assert float(difference) < 0
    assert (value, interval, word) == (f"{metrics['b']['accuracy']:.3f}", "", "cannot be told apart")


def test_detectors_are_compared_by_the_area_as_well(tmp_path: Path) -> None:
    detectors = {name: predictions(signal, 1, classes=2) for name, signal in (("a", 2), ("b", 0))}
    metrics = {name: write(tmp_path / name, run, positive=1) for name, run in detectors.items()}
    (panel,) = sections(tmp_path, metrics)
    assert panel.columns[9:] == ("by ROC-AUC", "ROC-AUC", "difference", "its 95 % interval")
    assert panel.rows[1][9] == "worse"
    metrics["c"] = write(tmp_path / "c", predictions(1, 2, classes=2))  # which detects neither
    (panel,) = sections(tmp_path, metrics)
    assert "ROC-AUC" not in panel.columns


def folds(folder: Path, signal: float, order: tuple[int, ...] = (1, 2)) -> dict[str, Any]:
    """Write a run over two folds; returns its metrics."""
    means = []
    for fold in order:
        whole = predictions(signal, 10 * fold)
        part = np.flatnonzero(np.arange(CLIPS) // 2 % 2 == fold - 1)
        means.append(write(folder / f"fold-{fold}", whole, order=part))
    return {"folds": list(order), "mean": {name: np.mean([mean[name] for mean in means]) for name in means[0]}}


def test_folds_are_compared_fold_by_fold(tmp_path: Path) -> None:
    metrics = {
        "strong": folds(tmp_path / "strong", 2),
        "weak": folds(tmp_path / "weak", 0, (2, 1)),
        "single": write(tmp_path / "single", predictions(2, 0)),
    }
    compared, rest = sections(tmp_path, metrics)
    assert "the same 240 recordings in 120 groups, over 2 folds" in compared.note
    assert [row[0] for row in compared.rows] == ["strong", "weak"]
    assert compared.rows[1][2] == f"{metrics['weak']['mean']['accuracy']:.3f}"
    assert compared.rows[1][1] == "worse"
    assert rest.note.endswith(", as single.")


def test_runs_without_sound_predictions_are_named(tmp_path: Path) -> None:
    good = {name: write(tmp_path / name, predictions(1, ord(name))) for name in "ab"}
    bad = {name: write(tmp_path / name, predictions(1, 5)) for name in ("missing", "torn", "flipped", "older")}
    (tmp_path / "missing" / PREDICTIONS).unlink()
    content = (tmp_path / "torn" / PREDICTIONS).read_bytes()
    (tmp_path / "torn" / PREDICTIONS).write_bytes(content[:1000])
    damaged = bytearray(content)
    damaged[2500] ^= 1  # in a page of values
    (tmp_path / "flipped" / PREDICTIONS).write_bytes(damaged)
    bad["older"] = write(tmp_path / "elsewhere", predictions(1.01, 5))
    compared, rest = sections(tmp_path, good | bad)
    assert {row[0] for row in compared.rows} == set(good)
    why = dict(rest.rows)
    assert list(why) == list(bad)
    assert why["missing"] == "it has no predictions.parquet; it gets one when it is evaluated again"
    for name in ("torn", "flipped", "older"):
        assert why[name].startswith("its predictions.parquet cannot be used: ")
        assert "\n" not in why[name]
    assert "it is not of the model of metrics.json" in why["older"]


def test_a_run_alone_is_compared_with_nothing(tmp_path: Path) -> None:
    assert sections(tmp_path, {"one": write(tmp_path / "one", predictions(1, 1))}) == []
    assert sections(tmp_path, {"one": {"accuracy": 0.5, "loss": 1.0}}) == []


def test_the_work_grows_with_the_number_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: dict[str, int] = {}

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            calls[name] = calls.get(name, 0) + 1
            return function(*arguments)

        return call

    for name in ("resampled_run", "differences", "read_predictions"):
        monkeypatch.setattr(training.report.better, name, counted(name, getattr(training.report.better, name)))
    metrics = {f"{number}": write(tmp_path / f"{number}", predictions(1, number, 60)) for number in range(12)}
    sections(tmp_path, metrics)
    assert calls == {"resampled_run": 12, "differences": 11, "read_predictions": 24}
    calls.clear()
    write(tmp_path / "0", predictions(1, 0, 58))
    assert calls == {}
