"""Key figures of runs: which of a run's numbers a page shows, and how they are called and written."""

from collections.abc import Sequence
from typing import Any

FIGURES = {
    "accuracy": "test accuracy",
    "top5_accuracy": "top-5 accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "loss": "test loss",
}
LABEL_FIGURES = {"map": "mAP", "macro_roc_auc": "macro ROC-AUC", "micro_f1": "micro F1"}  # with several labels a clip
# What experiments are to be compared by, of clips that neither train nor test.
VALIDATION = {
    "validation_map": "validation mAP",
    "validation_accuracy": "validation accuracy",
    "validation_loss": "validation loss",
}
DETECTION = {"roc_auc": "ROC-AUC", "pauc": "partial AUC", "pr_auc": "PR-AUC"}  # where one of two classes is detected


def figure_labels(results: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the labels of the figures that any of these results has, by their names in metrics.json."""
    labels = FIGURES | LABEL_FIGURES | VALIDATION | DETECTION
    if results and all("map" in result for result in results):
        labels = LABEL_FIGURES | FIGURES | VALIDATION | {"accuracy": "accuracy, all labels right"}
    if all(len(result["classes"]) <= 5 for result in results):
        labels.pop("top5_accuracy")
    return {name: label for name, label in labels.items() if any(name in result for result in results)}


def with_spread(value: float, sd: float | None) -> str:
    """Return mean ± standard deviation as text that stays in one line, however narrow its column."""
    return f"{value:.3f}" if sd is None else f"{value:.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{sd:.3f}"


def interval_text(interval: Sequence[float] | None) -> str:
    """Return an interval as text, nothing if there is none."""
    return "" if interval is None else f"{interval[0]:.3f} – {interval[1]:.3f}"


def change_text(interval: Sequence[float] | None) -> str:
    """Return an interval of a difference as text with signs, nothing if there is none."""
    return "" if interval is None else f"{interval[0]:+.3f} – {interval[1]:+.3f}"


def interval_note(interval: Sequence[float] | None) -> str:
    """Return a 95 % interval as text that names it, nothing if there is none."""
    return "" if interval is None else f"95 %: {interval_text(interval)}"


def note_untested(metrics: dict[str, Any]) -> str:
    """Return a part of a sentence that names the classes without a test clip, if there are any."""
    names = metrics["untested"]
    return f"; no test clip of {', '.join(names)}, which the macro means leave out" if names else ""
