"""What runs leave: their metrics, a page about each, about folds together, and about all experiments."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.workflow.jobs import Unfinished
from stores.files import read_json, write_json
from training.detection import Detection
from training.evaluation import Scores, score_confusion
from training.page import Panel, link, write_page
from training.report import class_sections, curves_of, detection_sections, run_sections

FIGURES = {
    "accuracy": "test accuracy",
    "top5_accuracy": "top-5 accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "loss": "test loss",
}
# What experiments are to be compared by, of clips that neither train nor test.
VALIDATION = {"validation_accuracy": "validation accuracy", "validation_loss": "validation loss"}
DETECTION = {"roc_auc": "ROC-AUC", "pauc": "partial AUC", "pr_auc": "PR-AUC"}  # where one of two classes is detected


def write_run(
    folder: Path,
    title: str,
    metrics: dict[str, Any],
    scores: Scores,
    detection: Detection | None,
    more: Sequence[Panel] = (),
    *,
    keep: Literal["best", "last"],
) -> None:
    """`metrics.json` and `report.html` of one run. `detection` is of those that detect one of two classes, `keep` the
    training's."""
    segments = metrics["test_recordings"] < metrics["test_clips"]
    of_recordings = f" of {metrics['test_recordings']} recordings" if segments else ""
    subtitle = (
        f"{metrics['train_clips']} training, {metrics['validation_clips']} validation and {metrics['test_clips']} test "
        f"clips{of_recordings}, no group on two sides{_untested(metrics)}; {metrics['parameters']:,} parameters; store "
        f"{metrics['store']}, "
        f"model {metrics['model_version']}"
    )
    shown = _shown([metrics])
    figures = [(label, f"{metrics[name]:.3f}") for name, label in shown.items()]
    sections = run_sections(metrics["history"], scores.per_class, scores.confusion, keep)
    if detection is not None:
        sections[1:1] = detection_sections(detection, metrics["positive"])
    write_page(folder / "report.html", title, subtitle, figures, [*sections, *more])
    write_json(folder / "metrics.json", metrics)


def _untested(metrics: dict[str, Any]) -> str:
    """Return a part of a sentence that names the classes without a test clip, if there are any."""
    names = metrics["untested"]
    return f"; no test clip of {', '.join(names)}, which the macro means leave out" if names else ""


def before_and_after(before: dict[str, Any], after: dict[str, Any], run: Path) -> Panel:
    """How well the classes of a run were known to the one whose weights it started from."""
    confusion = np.array(before["confusion"])
    kept = [before["classes"].index(name) for name in after["classes"] if name in before["classes"]]
    clips = confusion[kept].sum()
    rows: list[list[Any]] = []
    columns = ("precision", "recall", "f1")
    known = {row["class"]: row for row in before["per_class"]}
    for row in after["per_class"]:
        old = known.get(row["class"])
        cells = [f"{old[name]:.3f}" if old else "" for name in columns]
        rows.append([row["class"], *cells, *(f"{row[name]:.3f}" for name in columns)])
    dropped = [name for name in before["classes"] if name not in after["classes"]]
    note = f"The weights come from {run.name}, model {before['model_version']}."
    if dropped:
        note += f" It knew {', '.join(dropped)} as well."
    if clips:
        had = confusion[kept, kept].sum() / clips
        note += f" Of the test clips of these classes it had {had:.3f} right, now it is {after['accuracy']:.3f}."
    heads = ("before: precision", "recall", "F1", "after: precision", "recall", "F1")
    return Panel("Before and after", note, None, ("", *heads), rows)


def write_folds(folder: Path, name: str, folds: Sequence[int], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The same of runs that were tested on one fold each; returns what metrics.json holds.

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
    shown = _shown(results)
    figures = [(label, _with_spread(values[key].mean(), values[key].std())) for key, label in shown.items()]
    rows = [
        [
            link(f"fold {fold}", f"fold-{fold}/report.html"),
            *(f"{result[key]:.3f}" for key in shown),
            result["test_recordings"],
        ]
        for fold, result in zip(folds, results, strict=True)
    ]
    table = Panel("Folds", "Each fold is tested by a model that never saw it.", None,
                    ("", *shown.values(), "tested"), rows)  # fmt: skip
    title, subtitle = (
        f"{name}, {len(folds)} folds",
        f"Mean ± standard deviation{_untested(metrics)}; store {metrics['store']}",
    )
    write_page(folder / "report.html", title, subtitle, figures, [table, *class_sections(per_class, confusion)])
    write_json(folder / "metrics.json", metrics)
    return metrics


def compare(folder: Path, runs: Sequence[Path], unfinished: Mapping[str, Unfinished]) -> None:
    """Write `report.html` over the experiments that have been trained, and name those that are missing or out of date.

    `unfinished` says by experiment why a run has not come to its end.
    """
    rows = []
    trained = [run for run in runs if (run / "metrics.json").is_file()]
    found = [read_json(run / "metrics.json") for run in trained]
    shown = _shown([metrics | metrics.get("mean", {}) for metrics in found])
    for name in ("macro_precision", "macro_recall"):  # F1 has both
        shown.pop(name, None)
    for run, metrics in zip(trained, found, strict=True):
        values = metrics.get("mean", metrics)
        spread = metrics.get("sd", {})
        cells = [_with_spread(values[key], spread.get(key)) if key in values else "" for key in shown]
        name = link(run.name, (run / "report.html").relative_to(folder).as_posix())
        tested = int(np.sum(metrics["confusion"]))  # over all folds
        rows.append([name, *cells, f"{round(values['parameters']):,}", tested, metrics["store"][:8]])
    columns = ("experiment", *shown.values(), "parameters", "tested", "store")
    table = Panel("Experiments", "", None, columns, rows)
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
    return [Panel("Missing or out of date", "", None, columns, rows)] if rows else []


def _with_spread(value: float, sd: float | None) -> str:
    """In one line, however narrow its column."""
    return f"{value:.3f}" if sd is None else f"{value:.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{sd:.3f}"


def _shown(results: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The figures that any of these has, and what they are called."""
    known = FIGURES | VALIDATION | DETECTION
    if all(len(result["classes"]) <= 5 for result in results):
        known.pop("top5_accuracy")
    return {name: label for name, label in known.items() if any(name in result for result in results)}


def _curves_together(runs: Sequence[Path]) -> list[Panel]:
    """Learning curves of those runs that learned the same classes from the same store."""
    alike: dict[str, dict[str, Sequence[dict[str, float]]]] = {}
    for run in runs:
        metrics = read_json(run / "metrics.json")
        if "history" in metrics:
            learned = f"{', '.join(metrics['classes'])}; store {metrics['store']}"
            alike.setdefault(learned, {})[run.name] = metrics["history"]
    return [
        Panel("Learning curves side by side", learned, curves_of(histories))
        for learned, histories in alike.items()
        if len(histories) > 1
    ]
