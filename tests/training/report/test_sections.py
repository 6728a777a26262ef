"""Pages about runs whose classes and names are any text."""

import numpy as np
import pytest

from training.report.sections import class_sections

NAMES = ["$x_$", "$\\frac$", "a $ b"]


@pytest.mark.parametrize("names", [NAMES, ["<b>", "&amp;"]])
def test_classes_are_drawn_as_they_are_written(names: list[str]) -> None:
    row = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "clips": 2}
    matrix, _ = class_sections([row | {"class": name} for name in names], 2 * np.eye(len(names), dtype=int))
    for name in names:
        assert matrix.body.count(name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) >= 2
