"""Sections that say which of several runs is better, by their predictions for the same recordings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluation.differences import APART, Difference, ResampledRun, differences, resampled_run
from training.evaluation.intervals import RESAMPLES
from training.evaluation.prediction_table import PREDICTIONS, TestedRecordings, read_predictions
from training.evaluation.scores import losses
from training.report.fold_folders import single_folders
from training.report.key_figures import change_text
from training.report.page import Panel

TITLE = "Which is better"
SCORES = {"accuracy": "accuracy", "macro_f1": "macro F1", "roc_auc": "ROC-AUC"}
LABEL_SCORES = {"map": "mAP", "micro_f1": "micro F1", "accuracy": "accuracy"}  # with several labels a clip
BEST = {"accuracy": "most accurate", "map": "highest mAP"}
BY_CHANCE = " Each interval stands for itself: of many runs that are equally good, a few come out as worse by chance."
ALONE = "No other run tested the same recordings, with the same classes, groups and folds, as"
ONE_GROUP = " One group of recordings says nothing of others, so that there is no interval."


@dataclass(frozen=True)
class RecordingSet:
    """Test recordings of a run, by the identity of each fold's; a run without folds has one."""

    identities: tuple[str, ...]
    recordings: int
    groups: int

    @classmethod
    def of(cls, tables: Sequence[TestedRecordings]) -> "RecordingSet":
        folds = [table.clips for table in tables]
        return cls(
            tuple(table.identity for table in tables),
            sum(len(fold.groups) for fold in folds),
            sum(fold.group_count for fold in folds),
        )

    def text(self) -> str:
        """Return a part of a sentence that names the recordings."""
        folds = f", over {len(self.identities)} folds" if len(self.identities) > 1 else ""
        groups = "1 group" if self.groups == 1 else f"{self.groups} groups"
        return f"the same {self.recordings} recordings in {groups}{folds}"


def better_sections(results: Mapping[Path, Mapping[str, Any]]) -> list[Panel]:
    """Return a table for each set of runs that tested the same recordings, and one of the runs that are in none.

    A run is compared with the best of its set alone, and one run's predictions are in memory at a time, for which they
    are read twice: time grows with the number of runs, and not with that of pairs.

    Parameters
    ----------
    results : mapping
        Metrics of each run as metrics.json has them, by its folder.
    """
    if len(results) < 2:
        return []
    sets: dict[RecordingSet, list[Path]] = {}
    rest = []
    for run, metrics in results.items():
        try:
            sets.setdefault(RecordingSet.of(_tables(run, metrics)), []).append(run)
        except FileNotFoundError:
            rest.append([run.name, f"it has no {PREDICTIONS}; it gets one when it is evaluated again"])
        except (OSError, ValueError) as error:
            rest.append([run.name, f"its {PREDICTIONS} cannot be used: {' '.join(str(error).split())}"])
    sections = []
    for recordings, runs in sets.items():
        if len(runs) > 1:
            scores = {run.name: resampled_run([table.clips for table in _tables(run, results[run])]) for run in runs}
            sections.append(_section(recordings, scores))
    alone = [run.name for runs in sets.values() if len(runs) == 1 for run in runs]
    if rest or alone:
        note = f"{ALONE} {', '.join(alone)}." if alone else ""
        columns = ("experiment", "why") if rest else ()
        sections.append(Panel(f"{TITLE}: not compared", note, columns=columns, rows=rest))
    return sections


def _tables(run: Path, metrics: Mapping[str, Any]) -> list[TestedRecordings]:
    """Return the predictions of a run without folds, or of each fold in an order that the recordings decide.

    Raises `OSError` or `ValueError` where they are missing, damaged or not those of the metrics.
    """
    tables = [read_predictions(folder / PREDICTIONS) for folder in single_folders(run, metrics)]
    folds = [table.clips for table in tables]
    accuracy = np.mean([np.mean(fold.right) for fold in folds])
    loss = np.mean([np.mean(losses(fold.predictions)) for fold in folds])
    expected = metrics.get("mean", metrics)
    if not np.allclose([accuracy, loss], [expected["accuracy"], expected["loss"]], rtol=1e-6):
        raise ValueError("it is not of the model of metrics.json; the run goes on, or was broken off")
    return sorted(tables, key=lambda table: table.identity)


def _section(recordings: RecordingSet, runs: Mapping[str, ResampledRun]) -> Panel:
    """Return the comparison of runs that tested the same recordings, the most accurate first, or that with the highest
    mAP; of several that with the lowest loss.
    """
    several = all("map" in run.observed for run in runs.values())
    labels, main = (LABEL_SCORES, "map") if several else (SCORES, "accuracy")
    names = sorted(runs, key=lambda name: (-runs[name].observed[main], runs[name].observed["loss"]))
    best = runs[names[0]]
    scores = {name: label for name, label in labels.items() if all(name in run.observed for run in runs.values())}
    rows = []
    for name in names:
        against = {} if runs[name] is best else differences(runs[name], best)
        cells = [_cells(runs[name], best, score, against.get(score), BEST[main]) for score in scores]
        rows.append([name, *(cell for of_score in cells for cell in of_score)])
    note = (
        f"These {len(runs)} runs tested {recordings.text()}. Differences are to {names[0]}, which has the highest "
        f"{labels[main]}. Both scores of a difference are of the same recordings, and its interval is that of "
        f"{RESAMPLES} resamples of their groups, the same ones for both. Better or worse is a run whose interval does "
        "not reach 0."
    )
    note += BY_CHANCE if len(runs) > 2 else ""
    note += "" if best.resampled else ONE_GROUP
    columns = ("experiment", *(text for label in scores.values() for text in _columns(label)))
    return Panel(TITLE, note, columns=columns, rows=rows)


def _columns(label: str) -> Sequence[str]:
    return f"by {label}", label, "difference", "its 95 % interval"


def _cells(
    run: ResampledRun, best: ResampledRun, score: str, difference: Difference | None, best_text: str
) -> Sequence[str]:
    """Return the cells of one score of one run."""
    value = f"{run.observed[score]:.3f}"
    if run is best:
        return best_text, value, "", ""
    if difference is None:
        return APART, value, f"{run.observed[score] - best.observed[score]:+.3f}", ""
    interval = change_text((difference.low, difference.high))
    return difference.verdict, value, f"{difference.difference:+.3f}", interval
