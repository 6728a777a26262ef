"""Plan of the workflow: the configuration, resolved to targets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.config.schema import Config, parse, read_yaml
from pipeline.workflow import CONFIG, FOLDER
from pipeline.workflow.jobs import ReportJob
from pipeline.workflow.names import relative
from pipeline.workflow.resolution import resolve
from pipeline.workflow.targets import (
    ArchiveTarget,
    CorpusTarget,
    ExperimentTarget,
    LabelsTarget,
    SplitTarget,
    StoreTarget,
)
from training.report.unfinished import Unfinished


def default_config() -> Path:
    """Return the configuration of the folder that one stands in, or the shipped one where there is none."""
    return CONFIG if CONFIG.is_file() else FOLDER / CONFIG


def load(overrides: Mapping[str, Any], files: Sequence[str | Path]) -> "Plan":
    """Return the plan of one configuration. Raises `InputError` for what is wrong in it.

    Parameters
    ----------
    overrides : mapping
        The configuration as Snakemake merged it from files and command line.
    files : sequence of path
        The files that it comes from; they stand on their own. Without any, `overrides` change `default_config()`.
    """
    if files:
        origin = ", ".join(map(relative, files))
        return Plan(parse(overrides, origin), origin)
    origin = relative(default_config())
    return Plan(parse(_merged(read_yaml(Path(origin)), overrides), origin), origin)


def plan_of(files: Sequence[Path]) -> "Plan":
    """Return the plan that `snakemake --configfile FILES` follows; without any, that of `default_config()`."""
    overrides: dict[str, Any] = {}
    for file in files:
        overrides = _merged(overrides, read_yaml(file))
    return load(overrides, files)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = _merged(base[key], value) if both else value
    return merged


@dataclass(frozen=True)
class Plan:
    """Targets of a configuration, by their names; resolved once, when the first is asked for."""

    config: Config
    origin: str  # the file, for messages

    @cached_property
    def experiments(self) -> dict[str, ExperimentTarget]:
        return resolve(self.config, self.origin)

    @property
    def work(self) -> Path:
        return self.config.work_dir

    @property
    def engine(self) -> str:
        """Return the engine's name or the scheduler's address, as `TaskRunner.named` takes them."""
        return self.config.scheduler or self.config.engine

    @property
    def tracking(self) -> str:
        """Return the trackers that follow runs, as JSON."""
        return json.dumps(self.config.tracking)

    @cached_property
    def labels(self) -> dict[str, LabelsTarget]:
        return {one.corpus.labels.name: one.corpus.labels for one in self.experiments.values() if one.corpus.labels}

    @cached_property
    def corpora(self) -> dict[str, CorpusTarget]:
        return {one.corpus.name: one.corpus for one in self.experiments.values()}

    @cached_property
    def archives(self) -> dict[str, ArchiveTarget]:
        """Return the archives to be fetched, by the names of their corpora."""
        return {name: corpus.archive for name, corpus in self.corpora.items() if corpus.archive is not None}

    @cached_property
    def stores(self) -> dict[str, StoreTarget]:
        return {one.store.name: one.store for one in self.experiments.values()}

    @cached_property
    def splits(self) -> dict[str, SplitTarget]:
        return {one.split.name: one.split for one in self.experiments.values()}

    def report_job(self, reasons: Mapping[str, str] | None = None) -> str:
        """Return the job that compares all experiments; `reasons` says by name why a run is not up to date."""
        unfinished = {
            name: Unfinished(reason=reason, command=self.command(f"train_{name}"))
            for name, reason in (reasons or {}).items()
        }
        runs = tuple(target.run_folder for target in self.experiments.values())
        return ReportJob(folder=self.work, runs=runs, unfinished=unfinished).model_dump_json()

    def command(self, target: str) -> str:
        """Return the command line of a target, with the configuration if it is not the default."""
        is_default = self.origin == relative(default_config())
        return f"snakemake {target}" + ("" if is_default else f" --configfile {self.origin.replace(', ', ' ')}")
