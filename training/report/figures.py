"""Figures of reports: learning curves, detection, calibration, distributions; the confusion matrix as a table."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from training.report.drawing import BLUE, GREY, ORANGE, plot, svg, whole_numbers
from training.report.page import render

if TYPE_CHECKING:  # it imports torch, which a comparison does without
    from training.evaluation.detection import Detection

UNITS = {"loss": "loss in nats", "accuracy": "accuracy, share of clips"}


def detection_curves(detection: "Detection") -> list[Markup]:
    """Draw ROC, precision against recall, and both with F1 against the threshold."""
    summary = detection.summary
    drawn, roc = plot("false-positive rate", "recall")
    roc.plot(detection.fpr, detection.recall, color=BLUE)
    roc.plot([0, 1], [0, 1], color=GREY, linestyle=":")
    roc.plot(detection.points[0].fpr, summary["recall"], "o", color=ORANGE)
    roc.set_title(f"ROC, area {summary['roc_auc']:.3f}")
    drawn_pr, pr = plot("recall", "precision")
    pr.plot(detection.recall, detection.precision, color=BLUE)
    pr.plot(summary["recall"], summary["precision"], "o", color=ORANGE)
    pr.set_title(f"precision–recall, area {summary['pr_auc']:.3f}")
    inner = np.isfinite(detection.thresholds)  # the first is above every probability
    thresholds, recall, precision = (
        part[inner] for part in (detection.thresholds, detection.recall, detection.precision)
    )
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    drawn_limits, limits = plot("threshold on the probability", "score, share")
    for values, name, colour in ((precision, "precision", BLUE), (recall, "recall", ORANGE), (f1, "F1", GREY)):
        limits.plot(thresholds, values, color=colour, label=name)
    limits.axvline(summary["threshold"], color=GREY, linestyle=":", label="chosen")
    limits.set_title("at each threshold")
    limits.legend(frameon=False)
    for axes in (roc, pr, limits):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return [svg(drawn), svg(drawn_pr), svg(drawn_limits)]


def curves(history: Sequence[Mapping[str, float]], keep: Literal["best", "last"]) -> list[Markup]:
    """Draw loss, accuracy and learning rate over the epochs."""
    epochs = [int(row["epoch"]) + 1 for row in history]
    drawn = []
    for metric, unit in UNITS.items():
        figure, axes = plot("epoch", unit)
        for side, colour in (("train", BLUE), ("validation", ORANGE)):
            if f"{side}_{metric}" in history[0]:
                axes.plot(epochs, [row[f"{side}_{metric}"] for row in history], color=colour, label=side)
        if metric == "accuracy":
            axes.set_ylim(0, 1.02)
        elif keep == "best":
            best = min(history, key=lambda row: (math.isnan(row["validation_loss"]), row["validation_loss"]))
            axes.axvline(int(best["epoch"]) + 1, color=GREY, linestyle=":", label="kept")
        axes.legend(frameon=False)
        drawn.append((figure, axes))
    figure, axes = plot("epoch", "learning rate")
    axes.plot(epochs, [row["learning_rate"] for row in history], color=BLUE)
    axes.set_ylim(0, None)
    drawn.append((figure, axes))
    for _, axes in drawn:
        whole_numbers(axes)
    return [svg(figure) for figure, _ in drawn]


def confidence_histogram(confidence: np.ndarray, right: np.ndarray) -> Markup:
    """Draw how confident right and wrong answers are; both arrays are `(clips,)`."""
    figure, axes = plot("confidence, probability of the answer", "test clips")
    parts = [confidence[right], confidence[~right]]
    axes.hist(parts, np.linspace(0, 1, 21).tolist(), stacked=True, color=[BLUE, ORANGE], label=["right", "wrong"])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return svg(figure)


def reliability_diagram(calibration: Mapping[str, Any]) -> Markup:
    """Draw accuracy against confidence, without and with the temperature, from that section of metrics.json."""
    figure, axes = plot("mean confidence of a bin", "accuracy in the bin")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":")
    for suffix, colour, name in (("", ORANGE, "as trained"), ("_calibrated", BLUE, "with temperature")):
        if points := calibration.get(f"reliability{suffix}"):
            values = [[point[key] for point in points] for key in ("confidence", "accuracy")]
            label = f"{name}, error {calibration[f'ece{suffix}']:.3f}"
            axes.plot(*values, "o-", markersize=3, color=colour, label=label)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(frameon=False)
    return svg(figure)


def curves_of(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Markup]:
    """Draw loss and accuracy of several runs over their epochs: of validation where there is one, else of training."""
    drawn = []
    for metric, unit in UNITS.items():
        figure, axes = plot("epoch", unit, width=5.2, height=3.6)
        for name, history in histories.items():
            side = "validation" if f"validation_{metric}" in history[0] else "train"
            values = [row[f"{side}_{metric}"] for row in history]
            axes.plot(range(1, len(values) + 1), values, label=f"{name} ({side})")
        whole_numbers(axes)
        axes.legend(frameon=False)
        drawn.append(svg(figure))
    return drawn


def confusion_matrix(counts: np.ndarray, classes: Sequence[str], clips: Sequence[int] | None = None) -> Markup:
    """Return a table of clips by true class (rows) and predicted class (columns), on shares of the row as colour.

    `clips` of each class are by default the sums of the rows.
    """
    totals = counts.sum(axis=1) if clips is None else np.array(clips)
    shares = counts / np.maximum(totals[:, None], 1)
    rows = list(zip(classes, counts.tolist(), shares.tolist(), totals.tolist(), strict=True))
    return render("confusion", classes=classes, rows=rows)
