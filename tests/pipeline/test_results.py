"""What several runs come to together, and pages that show whatever a class is called."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.results import write_folds
from training.page import Panel, link, write_page


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


def test_names_are_text_in_a_page_and_never_markup(tmp_path: Path) -> None:
    name = '<img src=x onerror="alert(1)">&'
    table = Panel(name, name, None, ("", name), [[link(name, 'a"b'), name]])
    write_page(tmp_path / "page.html", name, name, [(name, name)], [table])
    page = (tmp_path / "page.html").read_text()
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=&#34;alert(1)&#34;&gt;&amp;") >= 8
    assert 'href="a&#34;b"' in page
