"""The baseline of a run: a logistic regression that learns and is tested on the same clips as its network."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.corpus.sides import Sides
from pipeline.runs.fitting import class_weights, originals
from pipeline.runs.recording_predictions import of_recordings
from pipeline.runs.run import Run
from training.evaluation.decision import choose_decision
from training.evaluation.intervals import ScoredClips
from training.evaluation.linear_baseline import (
    LinearModel,
    beside,
    choose_linear,
    fit_linear,
    learned_places,
    linear_predictions,
)
from training.evaluation.predictions import Predictions
from training.evaluation.row_statistics import row_statistics

BASELINE = "linear_baseline"  # in metrics.json; `baseline` is that of the most frequent class


@dataclass(frozen=True)
class LinearBaseline:
    """Answers of the baseline for the test clips.

    Attributes
    ----------
    clips : ScoredClips
    settings : dict
        What was chosen on clips that validate, and the number of clips that it has learned from, by their names in
        metrics.json.
    """

    clips: ScoredClips
    settings: dict[str, Any]

    def metrics(self, network: ScoredClips) -> dict[str, Any]:
        """Return the section of metrics.json, beside the answers of the network for the same clips."""
        return {**self.settings, **beside([network], [self.clips])}


def linear_baseline(sides: Sides, run: Run) -> LinearBaseline:
    """Return the baseline of a run, from the originals of its clips, which are read once and in the order of the store.

    On the nine experiments of the demos all variants make five baselines worse and two better, and they are six times
    as much to read.
    """
    learned = sides.train[learned_places(run.task.strata(run.labels[sides.train]))]
    rows = np.sort(np.concatenate([learned, sides.validation, sides.test]))
    numbers = row_statistics(originals(rows, run))

    def numbers_of(side: np.ndarray) -> np.ndarray:
        return numbers[np.searchsorted(rows, side)]

    training, positive = run.setup.training, run.positive_number
    weights = class_weights(training, run.labels[sides.train], len(run.classes), positive, run.task)

    def fit(c: float) -> LinearModel:
        return fit_linear(numbers_of(learned), run.labels[learned], c, weights, run.task)

    def predicted(model: LinearModel, side: np.ndarray) -> Predictions:
        clips = linear_predictions(model, side, run.labels[side], numbers_of(side), run.task)
        return of_recordings(clips, run)[0]

    def validated(model: LinearModel) -> Predictions:
        return predicted(model, sides.validation)

    c, model = choose_linear(fit, validated if training.validates else None)
    tested = predicted(model, sides.test)
    chosen_on = validated(model) if training.validates else None
    decision = choose_decision(chosen_on, positive, run.setup.sure_accuracy, run.label_count)
    settings: dict[str, Any] = {"C": c, "train_clips": len(learned)}
    if positive is not None:
        settings["threshold"] = decision.threshold
    return LinearBaseline(ScoredClips(tested, decision.classes(tested), run.groups[tested.rows], positive), settings)
