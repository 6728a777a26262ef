"""Figures of reports: learning curves, confusion matrices, detection."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from training.report.page import BLUE, ORANGE, svg

if TYPE_CHECKING:  # it imports torch, which a comparison does without
    from training.evaluation.detection import Detection


def detection_curves(detection: "Detection") -> Markup:
    """Draw ROC, precision against recall, and both with F1 against the threshold."""
    summary = detection.summary
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    roc, pr, by_threshold = figure.subplots(1, 3)
    roc.plot(detection.fpr, detection.recall, color=BLUE)
    roc.plot([0, 1], [0, 1], color="0.8", linestyle=":")
    roc.plot(detection.points[0].fpr, summary["recall"], "o", color=ORANGE)
    roc.set(xlabel="false-positive rate", ylabel="recall", title=f"ROC, area {summary['roc_auc']:.3f}")
    pr.plot(detection.recall, detection.precision, color=BLUE)
    pr.plot(summary["recall"], summary["precision"], "o", color=ORANGE)
    pr.set(xlabel="recall", ylabel="precision", title=f"precision–recall, area {summary['pr_auc']:.3f}")
    inner = np.isfinite(detection.thresholds)  # the first is above every probability
    thresholds, recall, precision = (
        part[inner] for part in (detection.thresholds, detection.recall, detection.precision)
    )
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    for values, name, colour in ((precision, "precision", BLUE), (recall, "recall", ORANGE), (f1, "F1", "0.3")):
        by_threshold.plot(thresholds, values, color=colour, label=name)
    by_threshold.axvline(summary["threshold"], color="0.7", linestyle=":", label="chosen")
    by_threshold.set(xlabel="threshold", title="at each threshold")
    by_threshold.legend(frameon=False)
    for axes in (roc, pr, by_threshold):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.spines[["top", "right"]].set_visible(False)
    return svg(figure)


def curves(history: Sequence[dict[str, float]], keep: Literal["best", "last"]) -> Markup:
    """Draw loss, accuracy and learning rate over the epochs."""
    epochs = [int(row["epoch"]) + 1 for row in history]
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    loss, accuracy, rate = figure.subplots(1, 3)
    for axes, metric in ((loss, "loss"), (accuracy, "accuracy")):
        for side, colour in (("train", BLUE), ("validation", ORANGE)):
            if f"{side}_loss" not in history[0]:
                continue
            axes.plot(epochs, [row[f"{side}_{metric}"] for row in history], color=colour, label=side)
        axes.set(xlabel="epoch", title=metric)
    if keep == "best":
        best = min(history, key=lambda row: (math.isnan(row["validation_loss"]), row["validation_loss"]))
        loss.axvline(int(best["epoch"]) + 1, color="0.7", linestyle=":", label="kept")
    loss.legend(frameon=False)
    accuracy.set_ylim(0, 1.02)
    rate.plot(epochs, [row["learning_rate"] for row in history], color=BLUE)
    rate.set(xlabel="epoch", title="learning rate", ylim=(0, None))
    for axes in (loss, accuracy, rate):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return svg(figure)


def curves_of(histories: Mapping[str, Sequence[dict[str, float]]]) -> Markup:
    """Draw loss and accuracy of several runs over their epochs: of validation where there is one, else of training."""
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for name, history in histories.items():
            side = "validation" if f"validation_{metric}" in history[0] else "train"
            values = [row[f"{side}_{metric}"] for row in history]
            axes.plot(range(1, len(values) + 1), values, label=f"{name} ({side})")
        axes.set(xlabel="epoch", title=metric)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
    return svg(figure)


def confusion_matrix(counts: np.ndarray, classes: Sequence[str]) -> Markup:
    """Draw counts as text on shares of the true class as colour."""
    side = 2.2 + 0.45 * len(classes)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=60, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    return svg(figure)
