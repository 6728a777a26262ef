"""Sections of reports on several labels a clip, in place of those on the one class of a clip."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from training.evaluation.areas import threshold_order
from training.report.drawing import BLUE, ORANGE, plot, svg
from training.report.figures import confusion_matrix, reliability_diagram
from training.report.key_figures import interval_text
from training.report.page import KeyFigure, Panel

if TYPE_CHECKING:  # it imports torch, which a comparison does without
    from training.evaluation.intervals import ScoredClips

CURVES = 12  # labels with a figure of their own


def label_sections(metrics: Mapping[str, Any]) -> list[Panel]:
    """Return the table of the labels and their confusion, of a run or of all folds of one, by its metrics.json."""
    per_class = metrics["per_class"]
    columns = (
        "label", "average precision", "its 95 % interval", "ROC-AUC", "threshold", "precision", "recall", "F1", "tested"
    )  # fmt: skip
    rows = [
        [
            row["class"],
            _number(row["average_precision"]),
            interval_text(row["average_precision_interval"]),
            _number(row["roc_auc"]),
            _number(row["threshold"]),
            *(f"{row[name]:.3f}" for name in ("precision", "recall", "f1")),
            row["clips"],
        ]
        for row in per_class
    ]
    cardinality = metrics["label_cardinality"]
    note = (
        f"A test clip has {cardinality['truth']:.2f} labels in the mean, and {cardinality['answered']:.2f} are "
        "answered. A label is answered from its threshold on, which has the best F1 on clips that validate. A click on "
        "a column sorts."
    )
    names, clips = ([row[key] for row in per_class] for key in ("class", "clips"))
    confusion = confusion_matrix(np.array(metrics["label_confusion"]), names, clips)
    confused = (
        "On the diagonal: test clips for which a label is rightly answered. Elsewhere: clips that have the label of "
        "the row, for which that of the column is answered though they do not have it."
    )
    return [
        Panel("Labels", note, columns=columns, rows=rows),
        Panel("Confusion of labels", confused, body=confusion),
    ]


def curve_section(clips: "ScoredClips", metrics: Mapping[str, Any]) -> Panel:
    """Return the curves of precision against recall, of the labels with the lowest average precision first."""
    predictions = clips.predictions
    precisions = [row["average_precision"] for row in metrics["per_class"]]
    tested = [number for number, value in enumerate(precisions) if value is not None]
    shown = sorted(tested, key=lambda number: precisions[number])[:CURVES]
    plots = [
        _curve(metrics["per_class"][number], predictions.probabilities[:, number], predictions.labels[:, number])
        for number in shown
    ]
    more = f" The {CURVES} with the lowest average precision of {len(tested)}." if len(tested) > CURVES else ""
    return Panel("Precision and recall", f"Test clips. The dot is the threshold of the label.{more}", plots)


def label_certainty_section(metrics: Mapping[str, Any]) -> Panel:
    """Return the reliability of all probabilities together."""
    note = (
        "Share of the labels that a test clip has, among labels of like probability; all labels together. The dotted "
        "line is a model that is as often right as it says. There is no temperature and no limit below which the model "
        "is not sure: both are of answers with one class."
    )
    return Panel("How sure", note, [reliability_diagram(metrics["calibration"])])


def chance_figure(metrics: Mapping[str, Any]) -> KeyFigure:
    """Return the mAP that answers at random have."""
    return KeyFigure("mAP by chance", f"{metrics['baseline']['map']:.3f}", "mean share of clips with a label")


def _curve(row: Mapping[str, Any], shares: np.ndarray, present: np.ndarray) -> Markup:
    order, last = threshold_order(shares)
    hits = np.cumsum(present[order])[last]
    figure, axes = plot("recall", "precision")
    axes.plot(hits / hits[-1], hits / (last + 1), color=BLUE)
    axes.plot(row["recall"], row["precision"], "o", color=ORANGE)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_title(f"{row['class']}, area {row['average_precision']:.3f}")
    return svg(figure)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def before_and_after_rows(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return each label with its average precision before and after, of the tables of two metrics.json."""
    previous = {row["class"]: row.get("average_precision") for row in before}
    return [[row["class"], _number(previous.get(row["class"])), _number(row["average_precision"])] for row in after]
