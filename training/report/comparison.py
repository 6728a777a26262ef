"""The page that compares all experiments."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stores.files import read_json
from training.report.figures import curves_of
from training.report.key_figures import figure_labels, interval_text, with_spread
from training.report.page import Panel, link, write_page
from training.report.unfinished import Unfinished


def compare(folder: Path, runs: Sequence[Path], unfinished: Mapping[str, Unfinished]) -> None:
    """Write `report.html` over the experiments that have been trained, and name those that are missing or out of date.

    `unfinished` says by experiment why a run has not come to its end.
    """
    rows = []
    trained = [run for run in runs if (run / "metrics.json").is_file()]
    results = [read_json(run / "metrics.json") for run in trained]
    labels = figure_labels([metrics | metrics.get("mean", {}) for metrics in results])
    for name in ("macro_precision", "macro_recall"):  # F1 has both
        labels.pop(name, None)
    for run, metrics in zip(trained, results, strict=True):
        values = metrics.get("mean", metrics)
        spread = metrics.get("sd", {})
        cells = [with_spread(values[key], spread.get(key)) if key in values else "" for key in labels]
        cells.insert(1, interval_text(metrics.get("intervals", {}).get("accuracy")))
        name = link(run.name, (run / "report.html").relative_to(folder).as_posix())
        tested = int(np.sum(metrics["confusion"]))  # over all folds
        rows.append([name, *cells, f"{round(values['parameters']):,}", tested, metrics["store"][:8]])
    columns = ["experiment", *labels.values(), "parameters", "tested", "store"]
    columns.insert(2, "its 95 % interval")  # after the accuracy
    table = Panel("Experiments", columns=columns, rows=rows)
    sections = [table, *_missing(runs, trained, unfinished), *_curves_together(trained)]
    subtitle = "Choose by the clips that validate, where there are any; those that test are for the last word"
    if unfinished:
        subtitle = f"{len(unfinished)} of {len(runs)} experiments missing or out of date. {subtitle}"
    write_page(folder / "report.html", "All experiments", subtitle, [], sections)


def _missing(runs: Sequence[Path], trained: Sequence[Path], unfinished: Mapping[str, Unfinished]) -> list[Panel]:
    rows = [
        [
            run.name,
            "result of an earlier run" if run in trained else "none",
            *unfinished[run.name].model_dump().values(),
        ]
        for run in runs
        if run.name in unfinished
    ]
    columns = ("experiment", "in the table", "why", "when that is mended, type")
    return [Panel("Missing or out of date", columns=columns, rows=rows)] if rows else []


def _curves_together(runs: Sequence[Path]) -> list[Panel]:
    """Return learning curves for each set of runs that learned the same classes from the same store."""
    by_task: dict[str, dict[str, Sequence[dict[str, float]]]] = {}
    for run in runs:
        metrics = read_json(run / "metrics.json")
        if "history" in metrics:
            task = f"{', '.join(metrics['classes'])}; store {metrics['store']}"
            by_task.setdefault(task, {})[run.name] = metrics["history"]
    return [
        Panel("Learning curves side by side", task, curves_of(histories))
        for task, histories in by_task.items()
        if len(histories) > 1
    ]
