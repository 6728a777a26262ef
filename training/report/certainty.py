"""Sections on how sure a model is, and whether it may be."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.report.explorers import sureness_explorer
from training.report.figures import confidence_histogram, reliability_diagram
from training.report.page import Panel


def certainty_sections(metrics: Mapping[str, Any], confidence: np.ndarray, right: np.ndarray) -> list[Panel]:
    """Return distributions, calibration and a slider over the limit of "not sure".

    Parameters
    ----------
    metrics : mapping
        Of a run, as its metrics.json has them.
    confidence : array of float, shape (clips,)
        Calibrated probabilities of the classes that are answered for test clips.
    right : array of bool, shape (clips,)
        True where the answer is right.
    """
    calibration, not_sure = metrics["calibration"], metrics["not_sure"]
    temperature = calibration["temperature"]
    note = "Accuracy among test clips of like confidence. The dotted line is a model that is as often right as it says."
    if temperature is not None:
        note += f" The temperature {temperature:.3f} is chosen on clips that validate and kept with the model."
    plots = [confidence_histogram(confidence, right), reliability_diagram(calibration)]
    sections = [
        Panel("How sure", note, plots, columns=("", "right answers", "wrong answers"), rows=_distributions(metrics)),
        Panel("By confidence", "Test clips in three parts of like size.",
              columns=("confidence from", "to", "clips", "accuracy"), rows=_terciles(metrics)),
    ]  # fmt: skip
    limit = not_sure["limit"]
    if limit is None:
        chosen = "No clip validates, so no limit is chosen and every answer counts as sure."
    else:
        chosen = f"The limit {limit:.3f}, kept with the model, is chosen on clips that validate"
        chosen += f"; it leaves {100 * not_sure['coverage']:.1f} % of the test clips sure"
        chosen += "." if not_sure["accuracy"] is None else f", {100 * not_sure['accuracy']:.1f} % of them right."
    return [*sections, Panel("Not sure", chosen, body=sureness_explorer(confidence, right, limit))]


def _distributions(metrics: Mapping[str, Any]) -> list[list[str]]:
    units = {"confidence": "", "entropy": " in nats", "margin": " to the second class", "strength": ", L2 norm"}
    return [
        [f"mean {name}{unit}", *(_number(metrics["distributions"][name][side]) for side in ("right", "wrong"))]
        for name, unit in units.items()
    ]


def _terciles(metrics: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [f"{part['from']:.3f}", f"{part['to']:.3f}", part["clips"], f"{part['accuracy']:.3f}"]
        for part in metrics["terciles"]
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
