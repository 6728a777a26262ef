"""Sections of a report on the origin of a run: data by class and side, hardware and versions, configuration."""

import csv
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import yaml

from pipeline.build.environment import processor
from pipeline.corpus.sides import Sides
from pipeline.runs.run import Run
from training.devices import device_of, dtype_of
from training.report.page import Panel
from training.report.sections import provenance_section, sides_section

PACKAGES = ("otogura", "torch", "numpy")


def data_panel(run: Run, sides: Sides, quarantine: Path | None) -> Panel:
    """Return a table of clips by class and side; `quarantine` is the table of the corpus's bad recordings."""
    rows_of = {"train": sides.train, "validation": sides.validation, "test": sides.test}
    by_class = {
        side: dict(zip(run.classes, run.task.counts(run.labels[rows], len(run.classes)).tolist(), strict=True))
        for side, rows in rows_of.items()
    }
    clips = {side: len(rows) for side, rows in rows_of.items()}
    groups = {side: len(np.unique(run.groups[rows])) for side, rows in rows_of.items()}
    notes = []
    if len(sides.left_out):
        notes.append(f"{len(sides.left_out)} clips are left out, because their group is on another side.")
    if quarantine is not None and quarantine.is_file():
        with quarantine.open(newline="", encoding="utf-8") as file:
            bad = sum(1 for _ in csv.reader(file)) - 1
        notes.append(f"{bad} bad recordings are in quarantine, see {quarantine}." if bad else "No recording is bad.")
    return sides_section(run.store.manifest["corpus"], by_class, clips, groups, " ".join(notes))


def provenance_panel(run: Run, name: str, training_time: str | None = None) -> Panel:
    """Return what a run was computed with, and its configuration to be copied.

    `training_time` is text, None where it is not known.
    """
    training, manifest = run.setup.training, run.store.manifest
    facts = {
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "device, precision": f"{device_of(training)}, {str(dtype_of(training)).removeprefix('torch.')}",
        **({} if training_time is None else {"training": training_time}),
        "versions": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
        "store": f"{manifest['corpus']}, {len(run.store)} clips, identity {run.store.identity}",
    }
    experiment = {"recipe": name, **run.setup.model_dump(mode="json", exclude_none=True)}
    settings = {"experiments": {name: experiment}, "recipes": {name: manifest["recipe"]}}
    return provenance_section(facts, yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, width=100))
