"""Section of a report that puts the scores of a network beside those of its linear baseline."""

from collections.abc import Mapping
from typing import Any

from training.evaluation.linear_baseline import LABEL_SCORES, SCORES, compared_scores
from training.report.key_figures import change_text
from training.report.page import KeyFigure, Panel

COMPARED = dict(zip(SCORES, ("accuracy", "balanced accuracy", "ROC-AUC"), strict=True)) | dict(
    zip(LABEL_SCORES, ("mAP", "macro ROC-AUC", "micro F1", "accuracy"), strict=True)
)
EXPLANATION = (
    "The baseline is a logistic regression on the mean and the standard deviation over time of each stored row of a "
    "clip, learned from the originals of the same training clips: it knows how loud and how lively each row is, and "
    "nothing of what comes when."
)
PROBE = (
    "The experiment {} is a linear probe: a logistic regression on the mean over time of each row of its own recipe, "
    "such as an embedding, learned from the same training clips."
)
PAIRED = (
    " Both scores of a difference are of the same recordings, and its interval is that of resamples of their groups, "
    "the same ones for both. The network is better or worse where the interval does not reach 0."
)


def baseline_figures(metrics: Mapping[str, Any]) -> list[KeyFigure]:
    """Return the first score of each baseline, with the difference of the network to it, of what metrics.json holds."""
    probes = metrics.get("probes", {})
    figures = [_figure("logistic regression", metrics["linear_baseline"])]
    return figures + [_figure(name, section) for name, section in probes.items()]


def _figure(baseline: str, section: Mapping[str, Any]) -> KeyFigure:
    score = compared_scores(section)[0]
    note = f"network {section['differences'][score]:+.3f}"
    if interval := change_text(section["difference_intervals"].get(score)):
        note += f", 95 %: {interval}"
    return KeyFigure(f"{baseline} {COMPARED[score]}", f"{section[score]:.3f}", note)


def baseline_panels(metrics: Mapping[str, Any]) -> list[Panel]:
    """Return the table of all scores that are compared with each baseline, of what metrics.json holds."""
    network, probes = metrics.get("mean", metrics), metrics.get("probes", {})
    panels = [_panel("a logistic regression", "logistic regression", metrics["linear_baseline"], network, EXPLANATION)]
    return panels + [
        _panel(f"the probe {name}", name, section, network, PROBE.format(name)) for name, section in probes.items()
    ]


def _panel(title: str, name: str, section: Mapping[str, Any], network: Mapping[str, float], explanation: str) -> Panel:
    rows = [
        [
            label,
            f"{network[name]:.3f}",
            f"{section[name]:.3f}",
            f"{section['differences'][name]:+.3f}",
            change_text(section["difference_intervals"].get(name)),
            section["verdicts"][name],
        ]
        for name, label in ((name, COMPARED[name]) for name in compared_scores(section["verdicts"]))
    ]
    columns = ("", "network", name, "difference", "its 95 % interval", "the network is")
    return Panel(f"Beside {title}", explanation + PAIRED, columns=columns, rows=rows)
