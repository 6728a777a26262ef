"""Section of a report that puts the scores of a network beside those of its linear baseline."""

from collections.abc import Mapping
from typing import Any

from training.evaluation.linear_baseline import SCORES
from training.report.key_figures import change_text
from training.report.page import KeyFigure, Panel

COMPARED = dict(zip(SCORES, ("accuracy", "balanced accuracy", "ROC-AUC"), strict=True))
EXPLANATION = (
    "The baseline is a logistic regression on the mean and the standard deviation over time of each stored row of a "
    "clip, learned from the originals of the same training clips: it knows how loud and how lively each row is, and "
    "nothing of what comes when."
)
PAIRED = (
    " Both scores of a difference are of the same recordings, and its interval is that of resamples of their groups, "
    "the same ones for both. The network is better or worse where the interval does not reach 0."
)


def baseline_figure(section: Mapping[str, Any]) -> KeyFigure:
    """Return the accuracy of the baseline, with the difference of the network to it.

    `section` is `linear_baseline` in metrics.json.
    """
    note = f"network {section['differences']['accuracy']:+.3f}"
    if interval := change_text(section["difference_intervals"].get("accuracy")):
        note += f", 95 %: {interval}"
    return KeyFigure("logistic regression accuracy", f"{section['accuracy']:.3f}", note)


def baseline_panel(section: Mapping[str, Any], network: Mapping[str, float]) -> Panel:
    """Return the table of all scores that are compared; `network` has those of the network by name."""
    rows = [
        [
            label,
            f"{network[name]:.3f}",
            f"{section[name]:.3f}",
            f"{section['differences'][name]:+.3f}",
            change_text(section["difference_intervals"].get(name)),
            section["verdicts"][name],
        ]
        for name, label in COMPARED.items()
        if name in section["verdicts"]
    ]
    columns = ("", "network", "logistic regression", "difference", "its 95 % interval", "the network is")
    return Panel("Beside a logistic regression", EXPLANATION + PAIRED, columns=columns, rows=rows)
