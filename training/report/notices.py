"""Notices of a run: signs in its numbers that it did not learn as it should have."""

import math
from collections.abc import Sequence
from typing import Any

from training.evaluation.differences import WORSE
from training.history import best_epoch
from training.report.linear_baseline import COMPARED
from training.report.page import Panel

NAMED = 5  # classes, at most


def notices(metrics: dict[str, Any]) -> list[str]:
    """Return one sentence for each such sign in what metrics.json holds of a run, or of all folds of one."""
    return [*learning_notices(metrics), *baseline_notices(metrics)]


def learning_notices(metrics: dict[str, Any]) -> list[str]:
    """Return the sentences about what was learned from training clips; none for all folds together."""
    sentences = []
    history = metrics.get("history", [])
    if len(history) > 1 and "validation_loss" in history[0] and best_epoch(history) == 0:
        loss = history[0]["validation_loss"]
        shown = f"{loss:.3f}" if math.isfinite(loss) else "no finite number"
        sentences.append(
            f"The validation loss never improved on that of the first of {len(history)} epochs ({shown}); lower "
            "training.learning_rate, or regularise the network more."
        )
    if names := metrics.get("unpredicted", []):
        sentences.append(f"No validation clip is predicted as {_listed(names)}.")
    return sentences


def baseline_notices(metrics: dict[str, Any]) -> list[str]:
    """Return a sentence for each baseline than which the network is worse by accuracy, ROC-AUC or mAP, with the scores.

    That both cannot be told apart is usual with few test clips.
    """
    baselines = {
        "a logistic regression on means and standard deviations of the stored rows": metrics["linear_baseline"]
    }
    baselines |= {f"the linear probe {name}": section for name, section in metrics.get("probes", {}).items()}
    network = metrics.get("mean", metrics)
    sentences = []
    for baseline, section in baselines.items():
        names = [name for name in ("accuracy", "roc_auc", "map") if section["verdicts"].get(name) == WORSE]
        scores = [f"{COMPARED[name]} ({network[name]:.3f} against {section[name]:.3f})" for name in names]
        if scores:
            sentences.append(f"By {' and '.join(scores)} the network is worse than {baseline}.")
    return sentences


def notice_panels(metrics: dict[str, Any]) -> list[Panel]:
    """Return the section of a report with the notices of a run, if there are any."""
    sentences = notices(metrics)
    return [Panel("Look at this first", " ".join(sentences))] if sentences else []


def _listed(names: Sequence[str]) -> str:
    """Return names as a part of a sentence, a few at most."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" or {more} more classes" if more > 0 else "")
