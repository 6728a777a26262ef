"""One run of an experiment: trained on its sides, tested, and written into its folder with a report."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from features.recipe import ORIGINAL
from features.tensors import recorded_recipe
from pipeline.corpus.recordings import Recording
from pipeline.corpus.sides import TEST, VALIDATION, Sides
from pipeline.corpus.sources.base import Recordings
from pipeline.corpus.split_file import SPLIT_FILE, write_sides
from pipeline.runs.baseline import BASELINE, LinearBaseline, linear_baseline
from pipeline.runs.cost import training_cost
from pipeline.runs.fitting import fit_run, originals, predict_side, tensors_per_epoch
from pipeline.runs.leak import DUPLICATES, measure_leak
from pipeline.runs.learned import write_learned
from pipeline.runs.mistakes import MISTAKES, mistakes_of, mistakes_panel, write_mistakes
from pipeline.runs.origin import data_panel, provenance_panel
from pipeline.runs.probes import PROBES, beside_probes
from pipeline.runs.recording_predictions import of_recordings
from pipeline.runs.run import Run
from pipeline.runs.settings_file import write_settings
from pipeline.runs.tracking import RunEvents
from stores.files import read_json
from training.artefact import LearnedCorpus, write_artefact
from training.devices import device_of
from training.evaluation.evaluate import Evaluation, evaluate
from training.evaluation.explanation import Explanation, attention_summary, decisions_to_explain, explain
from training.evaluation.prediction_table import PREDICTIONS, write_predictions
from training.fit import Fitted
from training.report.attention import clip_picture, looked_panel
from training.report.fold_folders import fold_folder
from training.report.notices import learning_notices
from training.report.page import Panel
from training.report.run import before_and_after, write_run

log = logging.getLogger("otogura")

# Kept with the model, of those that a run has.
MAIN_SCORES = ("map", "accuracy", "top5_accuracy", "micro_f1", "macro_f1", "loss", "roc_auc", "pauc", "pr_auc")


@dataclass(frozen=True)
class Context:
    """Name of an experiment, its recordings to be listened to, the table of the bad ones, its corpus, and the folders
    of the probes that are baselines, by their names.
    """

    name: str
    recordings: Recordings | None
    quarantine: Path | None
    corpus: LearnedCorpus
    probes: Mapping[str, Path] = field(default_factory=dict)

    @property
    def sound(self) -> Callable[[int], Recording] | None:
        """Return a function that gives the recording of a row of the store, if there are recordings."""
        if (recordings := self.recordings) is None:
            return None
        return lambda row: recordings(range(row, row + 1))[0]


@dataclass(frozen=True)
class SingleRun:
    """One run, the only one of an experiment or that of one fold.

    Attributes
    ----------
    folder : Path
    run : Run
    sides : Sides
    title : str
    init_from : Path or None
        The folder of another run, whose weights are the beginning.
    context : Context
    events : RunEvents
    until : float or None
        When `max_time` will have come, on the monotonic clock.
    """

    folder: Path
    run: Run
    sides: Sides
    title: str
    init_from: Path | None
    context: Context
    events: RunEvents
    until: float | None

    @property
    def label(self) -> str:
        """Return the name of the run among those of its experiment, for progress."""
        fold = self.events.settings["fold"]
        return "" if fold is None else f"fold {fold}"

    @property
    def probes(self) -> dict[str, Path]:
        """Return the folders of the probes of the same fold, by their names."""
        fold = self.events.settings["fold"]
        probes = self.context.probes
        return {name: probe if fold is None else fold_folder(probe, fold) for name, probe in probes.items()}


@dataclass(frozen=True)
class Tested:
    """Answers of a trained network for the clips that test.

    Attributes
    ----------
    names : list of str
        Of the recordings that are evaluated.
    evaluation : Evaluation
    explanations : list of Explanation
        Of the most confident right and wrong clips of each class.
    """

    names: list[str]
    evaluation: Evaluation
    explanations: list[Explanation]


@dataclass(frozen=True)
class SingleResult:
    """Metrics of one run as metrics.json has them, the evaluation that they are of, and the baseline beside it."""

    metrics: dict[str, Any]
    evaluation: Evaluation
    baseline: LinearBaseline


def train_single(job: SingleRun) -> SingleResult:
    """Train, test and report."""
    fitted = _fit(job)
    tested = _test(job, fitted.network)
    version = _write_model(job, fitted.network.cpu(), tested)
    baseline = linear_baseline(job.sides, job.run)
    metrics = _metrics(job, fitted, tested, version) | {BASELINE: baseline.metrics(tested.evaluation.clips)}
    _write_predictions(job, tested)
    if job.probes:
        metrics[PROBES] = beside_probes([job.folder], {name: [probe] for name, probe in job.probes.items()})
    leak, leak_panels = _leak(job, metrics["accuracy"])
    metrics |= leak
    _report(job, tested, metrics, leak_panels)
    job.events.write_scores(metrics)
    return SingleResult(metrics, tested.evaluation, baseline)


def _fit(job: SingleRun) -> Fitted:
    """Return the trained network; write what it has learned from."""
    rows, sides = job.run.store.rows, job.sides
    counts = tuple(len(part) for part in (sides.train, sides.validation, sides.test))
    log.info("%s: %d training, %d validation, %d test clips", job.title, *counts)
    if len(sides.left_out):
        log.info("%s: %d clips left out, because their group is on another side", job.title, len(sides.left_out))
    fitted = fit_run(
        job.folder,
        sides,
        job.run,
        job.init_from,
        before_epoch=job.events.write_epochs,
        until=job.until,
        label=job.label,
    )
    job.events.write_epochs(fitted.history, fitted.network)
    write_learned(job.folder, rows, sides, job.init_from)
    write_sides(job.folder / SPLIT_FILE, rows, sides)
    return fitted


def _test(job: SingleRun, network: nn.Module) -> Tested:
    """Return the answers for the clips that test, by what is chosen on those that validate."""
    run, sides = job.run, job.sides
    device = device_of(run.setup.training)
    clips = predict_side(network, TEST, sides, run)
    tested, names = of_recordings(clips, run)
    validated = None
    if run.setup.training.validates:
        validated = of_recordings(predict_side(network, VALIDATION, sides, run), run)[0]
    evaluation = evaluate(
        tested,
        validated,
        classes=run.classes,
        positive=run.positive_number,
        groups=run.groups,
        train_labels=run.labels[sides.train],
        sure_accuracy=run.setup.sure_accuracy,
    )
    shown, labels, answers = decisions_to_explain(clips, evaluation.decision.classes(clips))
    explanations = explain(network, originals(clips.rows[shown], run), answers, device, labels, run.task)
    return Tested(names, evaluation, explanations)


def _write_predictions(job: SingleRun, tested: Tested) -> None:
    """Write the table of the predictions for the recordings that test."""
    clips = tested.evaluation.clips
    groups = job.run.store.rows["group"].take(clips.predictions.rows)
    write_predictions(job.folder / PREDICTIONS, clips, tested.names, groups, job.run.classes)


def _detected(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    """Return the class that is detected and its threshold, if there is one."""
    return {} if run.positive is None else {"positive": run.positive, "threshold": evaluation.decision.threshold}


def _write_model(job: SingleRun, network: nn.Module, tested: Tested) -> str:
    """Write the model, and return its version."""
    run, evaluation = job.run, tested.evaluation
    manifest, decision = run.store.manifest, evaluation.decision
    chosen = _detected(run, evaluation) | {"temperature": decision.temperature, "not_sure_limit": decision.limit}
    if decision.thresholds is not None:
        chosen["thresholds"] = list(decision.thresholds)
    return write_artefact(
        job.folder,
        network,
        model=run.setup.model,
        classes=run.classes,
        recipe=manifest["recipe"],
        identity=manifest["identities"][ORIGINAL],
        store=run.store.identity,
        corpus=job.context.corpus,
        scores={score: evaluation.summary[score] for score in MAIN_SCORES if score in evaluation.summary},
        decision=chosen,
        task=run.setup.task,
    )


def _metrics(job: SingleRun, fitted: Fitted, tested: Tested, version: str) -> dict[str, Any]:
    run, sides = job.run, job.sides
    return {
        **tested.evaluation.summary,
        **_detected(run, tested.evaluation),
        "classes": run.classes,
        "parameters": sum(weight.numel() for weight in fitted.network.parameters()),
        "train_clips": len(sides.train),
        "validation_clips": len(sides.validation),
        "test_clips": len(sides.test),
        "test_recordings": len(tested.names),  # what the scores are of
        "store": run.store.identity,
        "model_version": version,
        "attention": attention_summary(tested.explanations),
        "history": fitted.history,
    }


def _leak(job: SingleRun, accuracy: float) -> tuple[dict[str, Any], list[Panel]]:
    """Return what a leak between the sides would add to the accuracy, and its section, if it is to be measured."""
    if not job.run.setup.training.leak_meter:
        (job.folder / DUPLICATES).unlink(missing_ok=True)
        return {}, []
    leak, panel = measure_leak(
        job.folder,
        job.sides,
        job.run,
        accuracy,
        init_from=job.init_from,
        sound=job.context.sound,
        until=job.until,
    )
    return {"leak": leak}, [panel]


def _report(job: SingleRun, tested: Tested, metrics: dict[str, Any], leak_panels: list[Panel]) -> None:
    """Write the metrics, the tables beside them, and the report."""
    folder, run, evaluation, context = job.folder, job.run, tested.evaluation, job.context
    store, classes = run.store, run.classes
    clips = evaluation.clips
    wrong = mistakes_of(clips.predictions, clips.decided, tested.names, classes)
    write_mistakes(folder / MISTAKES, wrong, classes)
    write_settings(folder, run, job.init_from)
    cost = training_cost([folder])
    recipe = recorded_recipe(store.manifest["recipe"])
    training_time = None if cost is None else cost.text(tensors_per_epoch(job.sides, run))
    before_panels = []
    if (before := job.init_from) is not None:
        before_panels = [before_and_after(read_json(before / "metrics.json"), metrics, before)]
    sections = [
        *before_panels,
        *leak_panels,
        looked_panel(tested.explanations, store, classes),
        mistakes_panel(wrong, classes, context.sound, lambda row: clip_picture(store.clip(row), recipe)),
        data_panel(run, job.sides, context.quarantine),
        provenance_panel(run, context.name, training_time),
    ]
    write_run(folder, job.title, metrics, evaluation, sections, keep=run.setup.training.keep)
    for sentence in learning_notices(metrics):  # the rest is told once for all folds
        log.warning("warning: %s: %s", job.title, sentence)
