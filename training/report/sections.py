"""Sections that pages have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from training.evaluation.detection import Detection
from training.report.explorers import threshold_explorer
from training.report.figures import confusion_matrix, curves, detection_curves
from training.report.page import Panel, render

KEPT = {"best": "epoch with the lowest validation loss", "last": "last epoch"}


def learning_section(history: Sequence[Mapping[str, float]], keep: Literal["best", "last"]) -> Panel:
    """Return the learning curves of one run; `keep` is the training's."""
    note = f"The model of the {KEPT[keep]} is kept"
    note += "." if "validation_loss" in history[0] else "; no clip validates."
    return Panel("Learning curves", note, curves(history, keep))


def class_sections(per_class: Sequence[dict[str, Any]], confusion: np.ndarray) -> list[Panel]:
    """Return confusion matrix and the table of classes, of one run or of several together."""
    classes = [row["class"] for row in per_class]
    table = [
        [row["class"], *(f"{row[name]:.3f}" for name in ("precision", "recall", "f1")), row["clips"]]
        for row in per_class
    ]
    note = "Test clips: true class by row, predicted class by column; the darker, the larger the share of the row."
    return [
        Panel("Confusion matrix", note, body=confusion_matrix(confusion, classes)),
        Panel("Classes", "A click on a column sorts.", columns=("class", "precision", "recall", "F1", "tested"),
              rows=table),
    ]  # fmt: skip


def detection_sections(detection: Detection, positive: str, clips: Mapping[bool, int]) -> list[Panel]:
    """Return curves and a slider over all thresholds, and the thresholds that meet common demands.

    `clips` are the numbers of test clips that are positive (True) and that are not.
    """
    rows = [
        [point.demand, f"{point.threshold:.3f}", f"{point.recall:.3f}", f"{point.fpr:.3f}"]
        for point in detection.points
    ]
    note = f"Test clips. The dot is the threshold that is kept with the model: {detection.points[0].demand}."
    explorer = threshold_explorer(detection, clips[True], clips[False])
    return [
        Panel(f"Detection of {positive}", note, detection_curves(detection)),
        Panel("Another threshold", "Scores on the test clips for any threshold; choose one on other clips than these.",
              body=explorer),
        Panel("Operating points", "What they give on the test clips, on which all but the first are looked up as well.",
              columns=("threshold for", "threshold", "recall", "false-positive rate"), rows=rows),
    ]  # fmt: skip


def sides_section(
    corpus: str, sides: Mapping[str, Mapping[str, int]], clips: Mapping[str, int], groups: Mapping[str, int], note: str
) -> Panel:
    """Return a table of the data of a run: clips by class and side.

    Parameters
    ----------
    corpus : str
    sides : mapping
        Clips of each class, by side and then by class.
    clips, groups : mapping
        Clips and groups of each side.
    note : str
        What else is to be said of them, such as the number of bad recordings.
    """
    classes = list(next(iter(sides.values())))
    rows = [[name, *(counts[name] for counts in sides.values())] for name in classes]
    rows.append(["all classes", *(clips[side] for side in sides)])
    rows.append(["groups", *(groups[side] for side in sides)])
    return Panel("Data", f"{corpus}: clips by class and side, no group on two of them. {note}".strip(),
                 columns=("class", *sides), rows=rows)  # fmt: skip


def provenance_section(facts: Mapping[str, str], configuration: str) -> Panel:
    """Return what made a run: times, hardware, versions, and its configuration to be copied."""
    return Panel("How this was made", body=render("listing", text=configuration), columns=("", ""),
                 rows=[[name, value] for name, value in facts.items()])  # fmt: skip
