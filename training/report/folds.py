"""The page and the metrics of runs that were tested on one fold each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stores.files import write_json
from training.evaluation.scores import score_confusion
from training.report.key_figures import figure_labels, note_untested, with_spread
from training.report.page import KeyFigure, Panel, link, write_page
from training.report.sections import class_sections


def write_folds(folder: Path, name: str, folds: Sequence[int], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write `metrics.json` and `report.html` of a run's folds together; return the metrics.

    Mean and population standard deviation of every number that the runs have, and all their test clips in one
    confusion matrix.
    """
    classes, confusion = results[0]["classes"], np.sum([result["confusion"] for result in results], axis=0)
    per_class = score_confusion(confusion, classes)
    numbers = [key for key, value in results[0].items() if isinstance(value, int | float)]
    values = {key: np.array([result[key] for result in results], dtype=np.float64) for key in numbers}
    metrics = {
        "folds": list(folds),
        "mean": {key: float(values[key].mean()) for key in numbers},
        "sd": {key: float(values[key].std()) for key in numbers},
        "classes": classes,
        "store": results[0]["store"],
        "untested": [row["class"] for row in per_class if not row["clips"]],
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }
    labels = figure_labels(results)
    figures = [KeyFigure(label, with_spread(values[key].mean(), values[key].std())) for key, label in labels.items()]
    rows = [
        [
            link(f"fold {fold}", f"fold-{fold}/report.html"),
            *(f"{result[key]:.3f}" for key in labels),
            result["test_recordings"],
        ]
        for fold, result in zip(folds, results, strict=True)
    ]
    table = Panel("Folds", "Each fold is tested by a model that never saw it.",
                  columns=("", *labels.values(), "tested"), rows=rows)  # fmt: skip
    title, subtitle = (
        f"{name}, {len(folds)} folds",
        f"Mean ± standard deviation{note_untested(metrics)}; store {metrics['store']}",
    )
    write_page(folder / "report.html", title, subtitle, figures, [table, *class_sections(per_class, confusion)])
    write_json(folder / "metrics.json", metrics)
    return metrics
