"""The baseline of a run: which clips it learns from, chooses on and is tested on."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from stores_of import small_store

import pipeline.runs.baseline
from pipeline.config.experiment import Experiment
from pipeline.config.schema import parse
from pipeline.corpus.sides import Sides
from pipeline.runs.baseline import linear_baseline
from pipeline.runs.run import Run, prepare_run, run_sides
from stores import Store
from training.evaluation.decision import choose_decision
from training.evaluation.linear_baseline import C_VALUES, UNVALIDATED_C
from training.evaluation.predictions import Predictions
from training.imports import ROOT, imported_files
from training.stream import ClipStream
from training.tasks import MULTICLASS

MODEL = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Store]:
    """Stores of two and of three classes."""
    return {count: small_store(tmp_path_factory.mktemp("run"), "abc"[:count], 20) for count in (2, 3)}


def run_of(store: Store, **options: Any) -> tuple[Run, Sides]:
    training = {"epochs": 1, "batch_size": 4, "device": "cpu"} | options.pop("training", {})
    settings = {"model": MODEL, "training": training, "split": {"validation": 0.3, "test": 0.3}} | options
    chosen: Experiment = parse({"experiments": {"x": settings}}, "").experiments["x"]
    run = prepare_run(store, chosen, "x")
    return run, run_sides(run)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_it_is_scikit_learn_on_the_sides_of_the_run(stores: dict[int, Store], classes: int, class_weight: str) -> None:
    store = stores[classes]
    run, sides = run_of(store, training={"class_weight": class_weight})
    clips = np.stack([store.clip(row) for row in range(len(store))]).astype(np.float32)
    numbers = np.concatenate([clips.mean(axis=2), clips.std(axis=2)], axis=2).reshape(len(store), -1)
    deviation = numbers[sides.train].std(axis=0)
    numbers = (numbers - numbers[sides.train].mean(axis=0)) / np.where(deviation > 1e-6, deviation, 1)
    found = linear_baseline(sides, run)

    def plain(c: float, side: np.ndarray) -> Predictions:
        weight = None if class_weight == "none" else class_weight
        model = LogisticRegression(C=c, max_iter=1000, class_weight=weight)
        model.fit(numbers[sides.train], run.labels[sides.train])
        return Predictions(side, run.labels[side], MULTICLASS.logits(model.predict_proba(numbers[side])))

    assert found.settings["C"] in C_VALUES
    assert found.settings["train_clips"] == len(sides.train)
    tested = plain(found.settings["C"], sides.test)
    assert found.clips.predictions.probabilities == pytest.approx(tested.probabilities, abs=0.02)
    assert np.array_equal(found.clips.predictions.rows, sides.test)
    assert np.array_equal(found.clips.groups, run.groups[sides.test])
    validated = plain(found.settings["C"], sides.validation)
    decision = choose_decision(validated, run.positive_number, 0.95)
    assert found.clips.positive == run.positive_number == (1 if classes == 2 else None)
    assert found.settings.get("threshold") == (pytest.approx(decision.threshold, abs=0.02) if classes == 2 else None)


def test_it_reads_the_originals_once_in_the_order_of_the_store(
    stores: dict[int, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, sides = run_of(stores[3])
    read: list[ClipStream] = []
    originals, measure = pipeline.runs.baseline.originals, pipeline.runs.baseline.row_statistics
    monkeypatch.setattr(pipeline.runs.baseline, "row_statistics", lambda stream: read.append(stream) or measure(stream))
    asked: list[np.ndarray] = []
    monkeypatch.setattr(
        pipeline.runs.baseline, "originals", lambda rows, run: asked.append(rows) or originals(rows, run)
    )
    linear_baseline(sides, run)
    assert [stream.variants for stream in read] == [("original",)]
    assert [rows.tolist() for rows in asked] == [list(range(len(run.store)))]


def test_it_is_the_same_twice(stores: dict[int, Store]) -> None:
    run, sides = run_of(stores[3])
    first, second = (linear_baseline(sides, run) for _ in range(2))
    assert first.settings == second.settings
    assert first.clips.predictions.logits.tobytes() == second.clips.predictions.logits.tobytes()
    assert first.metrics(first.clips)["verdicts"]["accuracy"] == "cannot be told apart"


def test_without_validation_nothing_is_chosen(stores: dict[int, Store]) -> None:
    run, sides = run_of(stores[2], training={"keep": "last"})
    assert not len(sides.validation)
    assert linear_baseline(sides, run).settings == {
        "C": UNVALIDATED_C,
        "train_clips": len(sides.train),
        "threshold": 0.5,
    }


def test_segments_of_a_recording_are_answered_as_one(stores: dict[int, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    store = stores[3]
    run, sides = run_of(store)
    single = linear_baseline(sides, run).clips.predictions
    one, other = (row for row in sides.test.tolist()[:2])
    names = store.rows["id"].to_pylist()
    names[one], names[other] = "same.wav[1/2]", "same.wav[2/2]"
    monkeypatch.setattr(store, "rows", store.rows.set_column(store.rows.column_names.index("id"), "id", [names]))
    joined = linear_baseline(sides, run).clips.predictions
    assert len(joined.rows) == len(single.rows) - 1
    place = joined.rows.tolist().index(one)
    assert joined.probabilities[place] == pytest.approx(single.probabilities[:2].mean(axis=0), abs=1e-6)


def test_trials_of_a_search_do_without() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in imported_files(["pipeline.search.trial"])}
    assert "pipeline/runs/fitting.py" in files
    assert "pipeline/runs/baseline.py" not in files
