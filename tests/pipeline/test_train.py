"""What an experiment cannot be trained on is one line, before the first hour of training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores_of import small_store

from pipeline.config import parse
from pipeline.errors import InputError
from pipeline.train import _class_weights, train_experiment
from stores import Store
from training.settings import Training


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("two"), "ab", 3)


def train(store: Store, folder: Path, **options: Any) -> str:
    """What is said against an experiment."""
    chosen = parse({"experiments": {"x": options}}, "").experiments["x"]
    parts = {name: getattr(chosen, name) for name in ("model", "training", "split", "folds", "positive")}
    with pytest.raises(InputError) as caught:
        train_experiment(folder, store, name="x", where="mine.yaml: experiments.x", **parts)
    assert not list(folder.iterdir())
    return str(caught.value)


def test_a_model_for_other_features(three_classes: Store, tmp_path: Path) -> None:
    said = train(three_classes, tmp_path, model="cnn1d_attention")
    assert "x.recipe: the model cnn1d_attention reads recipes of kind waveform, this one is of kind four_chann" in said


def test_a_weight_for_one_of_three_classes(three_classes: Store, tmp_path: Path) -> None:
    said = train(three_classes, tmp_path, training={"class_weight": 5})
    assert "class_weight: a number is the weight of the positive one of two classes, and there are 3" in said


@pytest.mark.parametrize("positive", ["a", "d"])
def test_one_to_be_detected_of_three_classes(three_classes: Store, tmp_path: Path, positive: str) -> None:
    said = train(three_classes, tmp_path, positive=positive)
    assert f"positive: expected one of two classes, got {positive!r}; there are a, b, c" in said


def test_two_classes_of_which_validation_has_one(two_classes: Store, tmp_path: Path) -> None:
    said = {
        train(two_classes, tmp_path, split={"validation": 0.3, "test": 0.3, "seed": seed}).split(": ", 2)[2]
        for seed in range(8)
    }
    assert any(line.startswith("expected clips of both classes for validation, found only ") for line in said), said


def test_weights_of_classes() -> None:
    labels = np.array([0, 0, 0, 1])
    assert _class_weights(Training(), labels, 2, 1) is None
    assert _class_weights(Training(class_weight="balanced"), labels, 2, 1) == pytest.approx([2 / 3, 2.0])
    assert _class_weights(Training(class_weight=5.0), labels, 2, 1) == [1.0, 5.0]
    assert _class_weights(Training(class_weight=5.0), labels, 2, 0) == [5.0, 1.0]
