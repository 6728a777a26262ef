"""Sections that pages have in common."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from training.evaluation.detection import Detection
from training.report.figures import confusion_matrix, curves, detection_curves
from training.report.page import Panel

KEPT = {"best": "epoch with the lowest validation loss", "last": "last epoch"}


def run_sections(
    history: Sequence[dict[str, float]],
    per_class: Sequence[dict[str, Any]],
    confusion: np.ndarray,
    keep: Literal["best", "last"],
) -> list[Panel]:
    """Return learning curves, confusion matrix and the table of classes of one run; `keep` is the training's."""
    note = f"The model of the {KEPT[keep]} is kept"
    note += "." if "validation_loss" in history[0] else "; no clip validates."
    return [Panel("Learning curves", note, curves(history, keep)), *class_sections(per_class, confusion)]


def class_sections(per_class: Sequence[dict[str, Any]], confusion: np.ndarray) -> list[Panel]:
    """Return confusion matrix and the table of classes, of one run or of several together."""
    classes = [row["class"] for row in per_class]
    table = [
        [row["class"], *(f"{row[name]:.3f}" for name in ("precision", "recall", "f1")), row["clips"]]
        for row in per_class
    ]
    return [
        Panel("Confusion matrix", "Of what was tested: true class by row, predicted class by column.",
                confusion_matrix(confusion, classes)),
        Panel("Classes", "", None, ("class", "precision", "recall", "F1", "tested"), table),
    ]  # fmt: skip


def detection_sections(detection: Detection, positive: str) -> list[Panel]:
    """Return curves over all thresholds, and the thresholds that meet common demands."""
    rows = [
        [point.demand, f"{point.threshold:.3f}", f"{point.recall:.3f}", f"{point.fpr:.3f}"]
        for point in detection.points
    ]
    note = f"Test clips. The dot is the threshold that is kept with the model: {detection.points[0].demand}."
    return [
        Panel(f"Detection of {positive}", note, detection_curves(detection)),
        Panel("Operating points", "What they give on the test clips, on which all but the first are looked up as well.",
              None, ("threshold for", "threshold", "recall", "false-positive rate"), rows),
    ]  # fmt: skip
