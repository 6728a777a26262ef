"""Resolution of a checked configuration to the targets of its experiments."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.experiment import Experiment
from pipeline.config.schema import Config
from pipeline.corpus.sources.base import StoredCorpus
from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.workflow.names import build_lock, folder_name
from pipeline.workflow.targets import (
    ArchiveTarget,
    CorpusTarget,
    DemoTarget,
    ExperimentTarget,
    LabelsTarget,
    SplitTarget,
    StoreTarget,
)
from training.models.linear_probe.settings import LinearProbeModel

SAME_SIDES = (
    "split",
    "folds",
    "task",
    "classes",
    "drop",
    "positive",
)  # settings of a probe and of what it is a baseline of


def resolve(config: Config, origin: str) -> dict[str, ExperimentTarget]:
    """Return the target of each experiment of a configuration that is checked; what they share is one object."""
    paths = {name: f"{origin}: experiments.{name}" for name in config.experiments}
    corpora = _corpora(config, paths)
    stores = _stores(config, paths, corpora)
    splits: dict[str, SplitTarget] = {}
    targets: dict[str, ExperimentTarget] = {}

    def split_of(name: str, experiment: Experiment, start: ExperimentTarget | None) -> SplitTarget:
        """Return the split that an experiment shares with the one it starts from, or with those that draw the same."""
        corpus = corpora[name]
        if start is not None and start.corpus is corpus:
            return start.split
        drawn_by = experiment.split.model_dump() if start is None else start.split.name
        task = experiment.task
        several = [] if task == "multiclass" else [task]  # else the names of before there were tasks
        split_name = folder_name(corpus.corpus.title, [corpus.name, drawn_by, *several])
        record = config.work_dir / "splits" / f"{split_name}.csv"
        split = experiment.split if start is None else start.experiment.split
        inherited = None if start is None else start.split
        target = SplitTarget(split_name, corpus, split, record, paths[name], inherited, task)
        return splits.setdefault(split_name, target)

    def probes_of(name: str, experiment: Experiment) -> list[str]:
        """Return the linear probes that learn and test on the same sides as an experiment, which is none itself."""
        if isinstance(experiment.model, LinearProbeModel):
            return []
        return [
            other
            for other, probe in config.experiments.items()
            if isinstance(probe.model, LinearProbeModel)
            and probe.init_from is None
            and corpora[other] is corpora[name]
            and all(getattr(probe, key) == getattr(experiment, key) for key in SAME_SIDES)
        ]

    def target_of(name: str) -> ExperimentTarget:
        if name in targets:
            return targets[name]
        experiment = config.experiments[name]
        start = None if experiment.init_from is None else target_of(experiment.init_from)
        if start is not None:  # what the first of them tests, all do
            experiment = experiment.model_copy(
                update={"split": start.experiment.split, "folds": start.experiment.folds}
            )
        targets[name] = ExperimentTarget(
            name=name,
            experiment=experiment,
            config_path=paths[name],
            corpus=corpora[name],
            store=stores[name],
            split=split_of(name, experiment, start),
            start=start,
            probes=tuple(target_of(probe) for probe in probes_of(name, experiment)),
            run_folder=config.work_dir / "runs" / name,
            search_folder=config.work_dir / "searches" / name,
            best={} if experiment.search is None else _alone(config, name, f"{name}_best"),
        )
        return targets[name]

    return {name: target_of(name) for name in config.experiments}


def _corpora(config: Config, paths: Mapping[str, str]) -> dict[str, CorpusTarget]:
    """Return the corpus of each experiment, by the experiment's name; one object for those that share it."""
    shared: dict[Path, LabelsTarget] = {}
    read_as = {
        name: _read_as(experiment, paths[name], config, shared) for name, experiment in config.experiments.items()
    }
    sharing: dict[str, list[str]] = {}
    for name, (corpus, _, _) in read_as.items():
        settings = corpus.model_dump_json(exclude={"max_quarantine"}, exclude_defaults=True)
        sharing.setdefault(folder_name(corpus.title, [corpus.source, settings]), []).append(name)
    corpora: dict[str, CorpusTarget] = {}
    for corpus_name, names in sharing.items():
        _, demo, labels = read_as[names[0]]
        target = CorpusTarget(
            name=corpus_name,
            corpus=min((read_as[name][0] for name in names), key=lambda corpus: corpus.max_quarantine),
            index_folder=config.work_dir / "index" / corpus_name,
            config_path=paths[names[0]],
            demo=demo,
            labels=labels,
            archive=_archive([config.experiments[name] for name in names], corpus_name, config.work_dir),
        )
        corpora |= dict.fromkeys(names, target)
    return corpora


def _read_as(
    experiment: Experiment, config_path: str, config: Config, shared: dict[Path, LabelsTarget]
) -> tuple[StoredCorpus, DemoTarget | None, LabelsTarget | None]:
    """Return how an experiment's corpus is read, and what makes it or its labels, if it is not just there.

    `shared` holds the labels of the experiments before, by their folders.
    """
    demos = config.work_dir / "demo"
    demo = None if (name := experiment.corpus.demo) is None else DemoTarget(name, demos / name)
    corpus = experiment.corpus.synthesised(demos)
    if isinstance(corpus, TagsCorpus):
        title = corpus.labels if isinstance(corpus.labels, str) else "labels"
        settings = corpus.model_dump_json(exclude={"max_quarantine", "segments", "silent"}, exclude_defaults=True)
        folder = config.work_dir / "labels" / folder_name(title, [settings])
        labels = shared.setdefault(folder, LabelsTarget(folder, corpus, config_path, demo))
        return corpus.stored(labels.table), demo, labels
    return corpus.stored(), demo, None


def _archive(experiments: Sequence[Experiment], corpus_name: str, work: Path) -> ArchiveTarget | None:
    """Return what a corpus is fetched by, if any experiment on it says so."""
    for experiment in experiments:
        if experiment.corpus.archive is not None:
            archive, root = experiment.corpus.archive
            receipt = work / "fetched" / f"{corpus_name}.json"
            return ArchiveTarget(archive, root, experiment.corpus.stored(), receipt)
    return None


def _stores(config: Config, paths: Mapping[str, str], corpora: Mapping[str, CorpusTarget]) -> dict[str, StoreTarget]:
    """Return the store of each experiment, by the experiment's name; one object for those that share it."""
    packing = [config.clips_per_shard, config.compression]
    identities = {
        key: [recipe.identity(name) for name in recipe.variant_names] for key, recipe in config.recipes.items()
    }
    sharing: dict[str, list[str]] = {}
    for name, experiment in config.experiments.items():
        corpus = corpora[name]
        title = f"{corpus.corpus.title}-{experiment.recipe}"
        sharing.setdefault(folder_name(title, [corpus.name, *packing, identities[experiment.recipe]]), []).append(name)
    stores: dict[str, StoreTarget] = {}
    for store_name, names in sharing.items():
        experiments = {name: config.experiments[name] for name in names}
        learners = [
            {
                "classes": experiment.classes,
                "drop": experiment.drop,
                "task": experiment.task,
                "config_path": paths[name],
            }
            for name, experiment in experiments.items()
        ]
        target = StoreTarget(
            name=store_name,
            corpus=corpora[names[0]],
            recipe=config.recipes[experiments[names[0]].recipe],
            family=config.work_dir / "stores" / store_name,
            address=None if config.stores is None else f"{config.stores}/{store_name}",
            lock=build_lock(config.work_dir, store_name),
            clips_per_shard=config.clips_per_shard,
            compression=config.compression,
            learners=json.dumps(learners),
        )
        stores |= dict.fromkeys(names, target)
    return stores


def _alone(config: Config, name: str, new_name: str) -> dict[str, Any]:
    """Return the configuration with one experiment under another name, and no other."""
    settings = config.model_dump(mode="json")
    section = _given(settings["experiments"][name] | {"search": None})
    section["corpus"] = _given(section["corpus"])
    recipe = section["recipe"]
    alone = {"experiments": {new_name: section}, "recipes": {recipe: settings["recipes"][recipe]}}
    return _given(settings) | alone


def _given(section: dict[str, Any]) -> dict[str, Any]:
    """Return a section without what is left open."""
    return {key: value for key, value in section.items() if value is not None}
