"""The page and the metrics of one run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stores.files import write_json
from training.evaluation.evaluate import Evaluation
from training.report.certainty import certainty_sections
from training.report.key_figures import figure_labels, interval_note, note_untested
from training.report.labels import (
    before_and_after_rows,
    chance_figure,
    curve_section,
    label_certainty_section,
    label_sections,
)
from training.report.linear_baseline import baseline_figures, baseline_panels
from training.report.notices import notice_panels
from training.report.page import KeyFigure, Panel, write_page
from training.report.sections import class_sections, detection_sections, learning_section


def write_run(
    folder: Path,
    title: str,
    metrics: dict[str, Any],
    evaluation: Evaluation,
    more_sections: Sequence[Panel] = (),
    *,
    keep: Literal["best", "last"],
) -> None:
    """Write `metrics.json` and `report.html` of one run.

    Parameters
    ----------
    folder : Path
    title : str
    metrics : dict
        As metrics.json holds them.
    evaluation : Evaluation
        Of the test clips.
    more_sections : sequence of Panel, optional
        After all others.
    keep : "best" or "last"
        As the training has it.
    """
    segments = metrics["test_recordings"] < metrics["test_clips"]
    of_recordings = f" of {metrics['test_recordings']} recordings" if segments else ""
    subtitle = (
        f"{metrics['train_clips']} training, {metrics['validation_clips']} validation and {metrics['test_clips']} test "
        f"clips{of_recordings}, no group on two sides{note_untested(metrics)}; {metrics['parameters']:,} parameters; "
        f"store {metrics['store']}, model {metrics['model_version']}"
    )
    labels = figure_labels([metrics])
    intervals, several = metrics["intervals"], metrics.get("task") == "multilabel"
    figures = [
        KeyFigure(label, f"{metrics[name]:.3f}", interval_note(intervals.get(name))) for name, label in labels.items()
    ]
    figures.append(chance_figure(metrics) if several else _most_frequent(metrics["baseline"]))
    figures += baseline_figures(metrics)
    if several:
        by_task, certainty = _of_labels(metrics, evaluation)
    else:
        by_task, certainty = _of_classes(metrics, evaluation)
    learning = learning_section(metrics["history"], keep)
    sections = [*notice_panels(metrics), *by_task, *baseline_panels(metrics), *certainty, learning, *more_sections]
    write_page(folder / "report.html", title, subtitle, figures, sections)
    write_json(folder / "metrics.json", metrics)


def _most_frequent(baseline: dict[str, Any]) -> KeyFigure:
    return KeyFigure("baseline accuracy", f"{baseline['accuracy']:.3f}", f"always {baseline['class']}")


def _of_classes(metrics: dict[str, Any], evaluation: Evaluation) -> tuple[list[Panel], list[Panel]]:
    """Return the sections on the scores and on the certainty of clips with one class each."""
    scores, detection, clips = evaluation.scores, evaluation.detection, evaluation.clips
    sections = class_sections(scores.per_class, scores.confusion)
    if detection is not None:
        counts = {row["class"] == metrics["positive"]: row["clips"] for row in scores.per_class}
        sections += detection_sections(detection, metrics["positive"], counts)
    return sections, certainty_sections(metrics, evaluation.decision.confidence(clips.predictions), clips.right)


def _of_labels(metrics: dict[str, Any], evaluation: Evaluation) -> tuple[list[Panel], list[Panel]]:
    """Return the same of clips with several labels."""
    table, confusion = label_sections(metrics)
    return [table, curve_section(evaluation.clips, metrics), confusion], [label_certainty_section(metrics)]


def before_and_after(before: dict[str, Any], after: dict[str, Any], run: Path) -> Panel:
    """Return a table of the classes of a run: their scores by the run whose weights it started from, and by itself."""
    if "confusion" not in before or "confusion" not in after:
        rows = before_and_after_rows(before["per_class"], after["per_class"])
        note = f"The weights come from {run.name}, model {before['model_version']}."
        return Panel("Before and after", note, columns=("", "before: average precision", "after"), rows=rows)
    confusion = np.array(before["confusion"])
    shared = [before["classes"].index(name) for name in after["classes"] if name in before["classes"]]
    clips = confusion[shared].sum()
    rows = []
    columns = ("precision", "recall", "f1")
    previous_by_class = {row["class"]: row for row in before["per_class"]}
    for row in after["per_class"]:
        previous = previous_by_class.get(row["class"])
        cells = [f"{previous[name]:.3f}" if previous else "" for name in columns]
        rows.append([row["class"], *cells, *(f"{row[name]:.3f}" for name in columns)])
    dropped = [name for name in before["classes"] if name not in after["classes"]]
    note = f"The weights come from {run.name}, model {before['model_version']}."
    if dropped:
        note += f" It knew {', '.join(dropped)} as well."
    if clips:
        accuracy = confusion[shared, shared].sum() / clips
        note += f" Of the test clips of these classes it had {accuracy:.3f} right, now it is {after['accuracy']:.3f}."
    heads = ("before: precision", "recall", "F1", "after: precision", "recall", "F1")
    return Panel("Before and after", note, columns=("", *heads), rows=rows)
