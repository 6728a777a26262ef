"""The page and the metrics of runs that were tested on one fold each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stores.files import write_json
from training.report.key_figures import figure_labels, interval_note, note_untested, with_spread
from training.report.labels import label_sections
from training.report.linear_baseline import baseline_figures, baseline_panels
from training.report.notices import notice_panels
from training.report.page import KeyFigure, Panel, link, write_page
from training.report.sections import class_sections


def write_folds(folder: Path, name: str, results: Sequence[dict[str, Any]], metrics: dict[str, Any]) -> None:
    """Write `metrics.json` and `report.html` of a run's folds together.

    `results` are those of each fold, `metrics` those of all together, as their metrics.json have them.
    """
    folds, mean, sd = metrics["folds"], metrics["mean"], metrics["sd"]
    labels = {name: label for name, label in figure_labels(results).items() if name in mean}
    intervals = metrics["intervals"]
    figures = [
        KeyFigure(label, with_spread(mean[key], sd[key]), interval_note(intervals.get(key)))
        for key, label in labels.items()
    ]
    figures += baseline_figures(metrics)
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
    title = f"{name}, {len(folds)} folds"
    subtitle = (
        f"Mean ± standard deviation over folds, with the 95 % interval of the mean{note_untested(metrics)}; store "
        f"{metrics['store']}"
    )
    if metrics.get("task") == "multilabel":
        classes = label_sections(metrics)
    else:
        classes = class_sections(metrics["per_class"], np.array(metrics["confusion"]))
    sections = [*notice_panels(metrics), table, *classes, *baseline_panels(metrics)]
    write_page(folder / "report.html", title, subtitle, figures, sections)
    write_json(folder / "metrics.json", metrics)
