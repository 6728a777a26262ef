"""Finished run, as its folder and the store that it names hold it: all that it takes to train it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.setup import Setup
from pipeline.corpus.sides import Sides
from pipeline.corpus.split_file import SPLIT_FILE, read_sides
from pipeline.runs.events import EVENTS, read_events
from pipeline.runs.run import Run
from pipeline.support.errors import InputError
from pipeline.upkeep.catalogue import stores_elsewhere
from stores.files import read_json
from stores.opening import open_store
from training.artefact import WEIGHTS
from training.fit import code_digest
from training.report.fold_folders import single_folders

STATE = "run.json"  # all that decides the weights, as `fit` writes it


@dataclass(frozen=True)
class RunRecord:
    """Finished run.

    Attributes
    ----------
    name : str
        Of its folder below that of all runs.
    folder : Path
    run : Run
    sides : Sides
    init_from : Path or None
        The folder of the run whose weights were the beginning.
    state : dict
        All that decides the weights.
    metrics : dict
    """

    name: str
    folder: Path
    run: Run
    sides: Sides
    init_from: Path | None
    state: dict[str, Any]
    metrics: dict[str, Any]


def run_names(work: Path, name: str) -> list[str]:
    """Return the names of the single runs of an experiment: its own, or those of its folds.

    Raises `InputError` where no such experiment is trained.
    """
    runs = work / "runs"
    trained = sorted(path.parent.name for path in runs.glob("*/metrics.json"))
    if not (runs / name / "metrics.json").is_file():
        unfinished = "one that is not finished; train it first" if (runs / name).is_dir() else ""
        others = f"none; there are {', '.join(trained)}" if trained else "none; nothing is trained"
        raise InputError(f"{runs / name}: expected a finished run, found {unfinished or others}")
    folders = single_folders(runs / name, read_json(runs / name / "metrics.json"))
    return [folder.relative_to(runs).as_posix() for folder in folders]


def read_record(work: Path, name: str) -> RunRecord:
    """Return a finished run. Raises `InputError` where its files, its store or its code are not there any more."""
    folder = work / "runs" / name
    for needed in ("metrics.json", STATE, EVENTS, SPLIT_FILE, WEIGHTS):
        if not (folder / needed).is_file():
            raise InputError(f"{folder}: expected a finished run, found no {needed}; train it again")
    state, metrics = read_json(folder / STATE), read_json(folder / "metrics.json")
    event = next(read_events(folder / EVENTS), {})
    store = open_store(_store(work, state["store"], name))
    setup = Setup(model=state["model"], training=state["training"] | {"checkpoint_every": 0})
    run = Run(store, setup, f"runs.{name}", event["classes"], event["positive"])
    sides = read_sides(folder / SPLIT_FILE, store.rows)
    changed = [
        what for what, value in (("split", sides.digest()), ("code", code_digest(setup.model))) if state[what] != value
    ]
    if changed:
        raise InputError(f"{folder}: the {changed[0]} has changed since the run was trained; train it again")
    init_from = None
    if event["init_from"] is not None:
        init_from = work / "runs" / event["init_from"]
        init_from = init_from if event["fold"] is None else init_from / folder.name
        if not (init_from / WEIGHTS).is_file():
            raise InputError(f"{init_from}: expected the weights that {name} starts from, found none; train it again")
    return RunRecord(name, folder, run, sides, init_from, state, metrics)


def _store(work: Path, identity: str, name: str) -> Path | str:
    """Return folder or address of the store with an identity."""
    for manifest in sorted((work / "stores").glob("*/*/manifest.json")):
        if read_json(manifest)["identity"] == identity:
            return manifest.parent
    for _, address in stores_elsewhere(work):
        if address.endswith(f"/{identity}"):
            return address
    raise InputError(f"{work / 'stores'}: expected the store {identity} that {name} was trained on, found none")
