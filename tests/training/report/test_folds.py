"""Means, deviations and the page of several folds together."""

from pathlib import Path
from typing import Any

import pytest

from training.report.folds import write_folds


def fold(accuracy: float, confusion: list[list[int]]) -> dict[str, Any]:
    return {
        "accuracy": accuracy,
        "loss": 1 - accuracy,
        "classes": ["a", "b"],
        "confusion": confusion,
        "store": "s",
        "test_recordings": 4,
    }


def test_the_standard_deviation_over_folds_is_that_of_the_folds(tmp_path: Path) -> None:
    """They are all that there are, and no sample: divided by their number."""
    results = [fold(0.5, [[1, 1], [1, 1]]), fold(1.0, [[2, 0], [0, 2]]), fold(0.75, [[2, 0], [1, 1]])]
    metrics = write_folds(tmp_path, "x", [1, 2, 3], results)
    assert metrics["mean"]["accuracy"] == pytest.approx(0.75)
    assert metrics["sd"]["accuracy"] == pytest.approx((2 * 0.25**2 / 3) ** 0.5)
    assert metrics["confusion"] == [[5, 1], [2, 4]]
    assert metrics["untested"] == []
    assert metrics["per_class"][0]["recall"] == pytest.approx(5 / 6)
    assert "0.750\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.204" in (tmp_path / "report.html").read_text()


def test_a_class_that_no_fold_tests_is_named(tmp_path: Path) -> None:
    metrics = write_folds(tmp_path, "x", [1, 2], [fold(1.0, [[2, 0], [0, 0]]), fold(1.0, [[1, 0], [0, 0]])])
    assert metrics["untested"] == ["b"]
    assert "no test clip of b, which the macro means leave out" in (tmp_path / "report.html").read_text()
