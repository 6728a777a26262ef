"""The page that compares all experiments."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stores.files import read_json
from training.report.better import better_sections
from training.report.cost import TrainingCost
from training.report.figures import curves_of
from training.report.fold_folders import single_folders
from training.report.key_figures import figure_labels, interval_text, with_spread
from training.report.page import Panel, link, write_page
from training.report.settings import settings_sections
from training.report.unfinished import Unfinished


def compare(
    folder: Path,
    runs: Sequence[Path],
    unfinished: Mapping[str, Unfinished],
    cost_of: Callable[[Sequence[Path]], TrainingCost | None],
) -> None:
    """Write `report.html` over the experiments that have been trained, and name those that are missing or out of date.

    Parameters
    ----------
    folder : Path
    runs : sequence of Path
        Folders of the experiments.
    unfinished : mapping
        By experiment, why a run has not come to its end.
    cost_of : callable
        Is given the folder of each fold, or that of a run without folds; returns their cost, None if it is not known.
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
        tested = int(np.sum(metrics["confusion"])) if "confusion" in metrics else metrics["test_recordings"]
        cost = cost_of(single_folders(run, metrics))
        spent = ["", ""] if cost is None else [f"{cost.seconds:,.1f}", cost.device]
        rows.append([name, *cells, f"{round(values['parameters']):,}", *spent, tested, metrics["store"][:8]])
    columns = ["experiment", *labels.values(), "parameters", "trained in s", "device", "tested", "store"]
    columns.insert(2, "its 95 % interval")  # after the accuracy
    table = Panel("Experiments", columns=columns, rows=rows)
    by_run = dict(zip(trained, results, strict=True))
    sections = [
        table,
        *_missing(runs, trained, unfinished),
        *better_sections(by_run),
        *settings_sections(by_run),
        *_curves_together(by_run),
    ]
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


def _curves_together(results: Mapping[Path, Mapping[str, Any]]) -> list[Panel]:
    """Return learning curves for each set of runs that learned the same classes from the same store."""
    by_task: dict[str, dict[str, Sequence[dict[str, float]]]] = {}
    for run, metrics in results.items():
        if "history" in metrics:
            task = f"{', '.join(metrics['classes'])}; store {metrics['store']}"
            by_task.setdefault(task, {})[run.name] = metrics["history"]
    return [
        Panel("Learning curves side by side", task, curves_of(histories))
        for task, histories in by_task.items()
        if len(histories) > 1
    ]
