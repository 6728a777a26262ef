"""From the configuration to the jobs of the Snakefile: where everything goes, and what each job is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from features.recipe import AnyRecipe
from pipeline.config.experiment import Experiment
from pipeline.config.schema import Config, parse, read_yaml
from pipeline.corpus.sources import source_of
from pipeline.corpus.sources.base import CorpusSettings, StoredCorpus
from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.demos import demo
from pipeline.labels.mine import LABELS, fingerprint
from pipeline.support.errors import InputError
from pipeline.workflow.jobs import (
    BuildJob,
    FetchJob,
    IndexJob,
    LabelJob,
    ReportJob,
    SearchJob,
    SplitJob,
    TrainJob,
    Unfinished,
)
from stores.files import read_json
from stores.layout import POINTER
from training.settings import Section

DEFAULT_CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"


def plan(overrides: Mapping[str, Any], files: Sequence[str | Path], default: Path) -> "Plan":
    """The plan of one configuration.

    A file that is given stands on its own; without one, `overrides` change the shipped default.
    """
    if files:
        origin = ", ".join(map(_relative, files))
        return Plan(parse(overrides, origin), origin)
    return Plan(parse(_merged(read_yaml(default), overrides), _relative(default)), _relative(default))


def plan_of(files: Sequence[Path]) -> "Plan":
    """The plan that `snakemake --configfile FILES` follows; that of the shipped configuration without any."""
    overrides: dict[str, Any] = {}
    for file in files:
        overrides = _merged(overrides, read_yaml(file))
    return plan(overrides, files, DEFAULT_CONFIG)


def _relative(path: str | Path) -> str:
    """As a user would write it, and the same after the folder has moved."""
    here = Path.cwd()
    return str(Path(path).relative_to(here) if Path(path).is_relative_to(here) else path)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = _merged(base[key], value) if both else value
    return merged


@dataclass(frozen=True)
class Plan:
    config: Config
    origin: str  # where the configuration stands, for messages

    @property
    def work(self) -> Path:
        return self.config.work_dir

    @property
    def engine(self) -> str:
        """As `Engine.of` takes it."""
        return self.config.scheduler or self.config.engine

    @property
    def demos(self) -> Path:
        return self.work / "demo"

    def corpus(self, experiment: str) -> StoredCorpus:
        """Return an experiment's corpus as it is read; that of a demo is synthesised first."""
        labels = None if self.tags(experiment) is None else self.labels_folder(experiment) / LABELS
        return self._on_disk(experiment).stored(labels)

    def _on_disk(self, experiment: str) -> CorpusSettings:
        """Return an experiment's corpus as it is configured, but a demo as what it is synthesised as."""
        return self.config.experiments[experiment].corpus.synthesised(self.demos)

    def tags(self, experiment: str) -> TagsCorpus | None:
        """The tracks whose tags give an experiment's labels, if they do."""
        corpus = self._on_disk(experiment)
        return corpus if isinstance(corpus, TagsCorpus) else None

    def labels_folder(self, experiment: str) -> Path:
        """Where the labels of an experiment on tags are."""
        tags = self.tags(experiment)
        assert tags is not None
        chosen = tags.labels if isinstance(tags.labels, str) else "labels"
        said = tags.model_dump_json(exclude={"max_quarantine", "segments", "silent"}, exclude_defaults=True)
        return self.work / "labels" / _name(chosen, [said])

    def by_labels(self, name: str) -> str:
        """The first experiment on a folder of labels."""
        return next(
            experiment
            for experiment in self.config.experiments
            if self.tags(experiment) is not None and self.labels_folder(experiment).name == name
        )

    def label_job(self, experiment: str) -> str:
        tags = self.tags(experiment)
        assert tags is not None
        return _text(
            LabelJob(
                corpus=tags, folder=self.labels_folder(experiment), fingerprint=self._tags_fingerprint(experiment, tags)
            )
        )

    def _tags_fingerprint(self, experiment: str, tags: TagsCorpus) -> str:
        if name := self.demo(experiment):
            return f"demo {demo(name).VERSION}"
        try:
            return fingerprint(tags, self.where(experiment))
        except (InputError, OSError):
            return "unreadable"

    def demo(self, experiment: str) -> str | None:
        """The name of the demo that an experiment runs on, if it does."""
        return self.config.experiments[experiment].corpus.demo

    def receipts(self, experiment: str) -> list[Path]:
        """What must be there before an experiment's corpus can be indexed."""
        if self.tags(experiment) is not None:
            return [self.labels_folder(experiment) / LABELS]
        if receipt := self.demo_receipt(experiment):
            return receipt
        return [job.receipt] if (job := self._fetch(experiment)) else []

    def demo_receipt(self, experiment: str) -> list[Path]:
        """What says that an experiment's demo is synthesised, if it is on one."""
        name = self.demo(experiment)
        return [self.demos / f"{name}.json"] if name else []

    def fetch_job(self, experiment: str) -> str:
        job = self._fetch(experiment)
        assert job is not None
        return _text(job)

    def _fetch(self, experiment: str) -> FetchJob | None:
        """What an experiment's corpus is fetched by, if any experiment on it says so."""
        name = self.corpus_name(experiment)
        receipt = self.work / "fetched" / f"{name}.json"
        for other, chosen in self.config.experiments.items():
            if chosen.corpus.archive is not None and self.corpus_name(other) == name:
                archive, root = chosen.corpus.archive
                return FetchJob(
                    fetch=archive,
                    root=root,
                    corpus=self.corpus(other),
                    receipt=receipt,
                    lost=receipt.is_file() and not root.is_dir(),
                )
        return None

    def _fingerprint(self, experiment: str, corpus: StoredCorpus) -> str:
        """Of the files; of what is still to be made or fetched, and untouched since, of that."""
        if name := self.demo(experiment):
            return f"demo {demo(name).VERSION}"
        if (tags := self.tags(experiment)) is not None:
            return self._tags_fingerprint(experiment, tags)
        fetched = self._fetch(experiment)
        if fetched and not (fetched.receipt.is_file() and fetched.root.is_dir()):
            return f"fetched {fetched.fetch.sha256}"
        try:
            found = source_of(corpus, self.where(experiment)).fingerprint()
        except (InputError, OSError):
            return "unreadable"  # the job itself says why, if anyone asks for it
        if fetched and read_json(fetched.receipt)["fingerprint"] == found:
            return f"fetched {fetched.fetch.sha256}"
        return found

    def corpus_name(self, experiment: str) -> str:
        """Readable, and different for corpora that differ."""
        corpus = self.corpus(experiment)
        said = corpus.model_dump_json(exclude={"max_quarantine"}, exclude_defaults=True)
        return _name(corpus.title, [corpus.source, said])

    def store_name(self, experiment: str) -> str:
        """Name of the folder in which the stores of a corpus and a recipe lie."""
        recipe = self.recipe(experiment)
        identities = [recipe.identity(variant) for variant in recipe.variant_names]
        packing = [self.config.clips_per_shard, self.config.compression]
        settings = [self.corpus_name(experiment), *packing, identities]
        return _name(f"{self.corpus(experiment).title}-{self._experiment(experiment).recipe}", settings)

    def recipe(self, experiment: str) -> AnyRecipe:
        return self.config.recipes[self._experiment(experiment).recipe]

    def index_folder(self, experiment: str) -> Path:
        return self.work / "index" / self.corpus_name(experiment)

    def family(self, experiment: str) -> Path:
        return self.work / "stores" / self.store_name(experiment)

    def build_lock(self, store_name: str) -> Path:
        """Held by whoever writes into a folder of stores."""
        return self.work / "locks" / f"build-{store_name}.lock"

    def index(self, experiment: str) -> Path:
        return self.index_folder(experiment) / "index.json"

    def pointer(self, experiment: str) -> Path:
        return self.family(experiment) / POINTER

    def run_folder(self, experiment: str) -> Path:
        return self.work / "runs" / experiment

    def search_folder(self, experiment: str) -> Path:
        return self.work / "searches" / experiment

    def where(self, experiment: str) -> str:
        """How messages name an experiment's part of the configuration."""
        return f"{self.origin}: experiments.{experiment}"

    def by_corpus(self, corpus_name: str) -> str:
        """The first experiment on a corpus."""
        return next(name for name in self.config.experiments if self.corpus_name(name) == corpus_name)

    def by_store(self, store_name: str) -> str:
        """The first experiment on a store."""
        return next(name for name in self.config.experiments if self.store_name(name) == store_name)

    def learners(self, store_name: str) -> str:
        """JSON of what the experiments on a store learn, as `learned_classes` takes it."""
        return json.dumps(
            [
                {"classes": chosen.classes, "drop": chosen.drop, "where": self.where(name)}
                for name, chosen in self.config.experiments.items()
                if self.store_name(name) == store_name
            ]
        )

    def split_name(self, experiment: str) -> str:
        """Name of the record of an experiment's split: that of its corpus, and of the runs that it starts from."""
        source = self._experiment(experiment).init_from
        if source is None:
            return self._split_name(experiment, self._experiment(experiment).split.model_dump())
        if self.corpus_name(source) == self.corpus_name(experiment):
            return self.split_name(source)
        return self._split_name(experiment, self.split_name(source))

    def _split_name(self, experiment: str, drawn_by: Any) -> str:
        return _name(self.corpus(experiment).title, [self.corpus_name(experiment), drawn_by])

    def split_record(self, experiment: str) -> Path:
        """The file that says which clips of a corpus train, validate and test."""
        return self.work / "splits" / f"{self.split_name(experiment)}.csv"

    def by_split(self, split_name: str) -> str:
        """The first experiment on a recorded split."""
        return next(name for name in self.config.experiments if self.split_name(name) == split_name)

    def inherited_split(self, experiment: str) -> list[Path]:
        """The record of another corpus, on whose weights the runs of this one start, if they do."""
        source = self._experiment(experiment).init_from
        if source is None:
            return []
        if self.corpus_name(source) == self.corpus_name(experiment):
            return self.inherited_split(source)
        return [self.split_record(source)]

    def split_job(self, experiment: str) -> str:
        return _text(
            SplitJob(
                index=self.index_folder(experiment),
                split=self._first(experiment).split,
                record=self.split_record(experiment),
                inherited=next(iter(self.inherited_split(experiment)), None),
            )
        )

    def index_job(self, experiment: str) -> str:
        name = self.corpus_name(experiment)
        sharing = [self.corpus(other) for other in self.config.experiments if self.corpus_name(other) == name]
        corpus = min(sharing, key=lambda corpus: corpus.max_quarantine)  # the strictest holds for all
        fingerprint = self._fingerprint(experiment, corpus)
        return _text(IndexJob(corpus=corpus, folder=self.index_folder(experiment), fingerprint=fingerprint))

    def build_job(self, experiment: str) -> str:
        return _text(
            BuildJob(
                name=self.store_name(experiment),
                corpus=self.corpus(experiment),
                recipe=self.recipe(experiment),
                index=self.index_folder(experiment),
                family=self.family(experiment),
                clips_per_shard=self.config.clips_per_shard,
                compression=self.config.compression,
            )
        )

    def train_job(self, experiment: str) -> str:
        chosen, first = self._experiment(experiment), self._first(experiment)
        return _text(
            TrainJob(
                name=experiment,
                corpus=self.corpus(experiment),
                index=self.index_folder(experiment),
                classes=chosen.classes,
                drop=chosen.drop,
                init_from=None if chosen.init_from is None else self.run_folder(chosen.init_from),
                family=self.family(experiment),
                folder=self.run_folder(experiment),
                model=chosen.model,
                training=chosen.training,
                split=first.split,
                record=self.split_record(experiment),
                folds=first.folds,
                positive=chosen.positive,
            )
        )

    def _first(self, experiment: str) -> Experiment:
        """The first of those that start from each other's weights: what it has tested on, all do."""
        chosen = self._experiment(experiment)
        while chosen.init_from is not None:
            chosen = self._experiment(chosen.init_from)
        return chosen

    def started_from(self, experiment: str) -> list[Path]:
        """The metrics of the run whose weights an experiment starts from, if it does."""
        source = self._experiment(experiment).init_from
        return [] if source is None else [self.run_folder(source) / "metrics.json"]

    def search_job(self, experiment: str) -> str:
        chosen = self._experiment(experiment)
        assert chosen.search is not None
        return _text(
            SearchJob(
                name=experiment,
                family=self.family(experiment),
                folder=self.search_folder(experiment),
                model=chosen.model,
                training=chosen.training,
                split=chosen.split,
                record=self.split_record(experiment),
                positive=chosen.positive,
                classes=chosen.classes,
                drop=chosen.drop,
                search=chosen.search,
                best=self._alone(experiment, f"{experiment}_best"),
            )
        )

    def _alone(self, experiment: str, name: str) -> dict[str, Any]:
        """The configuration with this experiment under another name, and no other."""
        whole = self.config.model_dump(mode="json")
        section = _given(whole["experiments"][experiment] | {"search": None})
        section["corpus"] = _given(section["corpus"])
        recipe = section["recipe"]
        return _given(whole) | {"experiments": {name: section}, "recipes": {recipe: whole["recipes"][recipe]}}

    def report_job(self, reasons: Mapping[str, str] | None = None) -> str:
        """The comparison of all experiments; `reasons` says by experiment why its run is not up to date."""
        unfinished = {
            name: Unfinished(reason=reason, command=self.command(f"train_{name}"))
            for name, reason in (reasons or {}).items()
        }
        runs = tuple(map(self.run_folder, self.config.experiments))
        return _text(ReportJob(folder=self.work, runs=runs, unfinished=unfinished))

    def command(self, target: str) -> str:
        """The command line of a target, with the configuration if it is not the shipped one."""
        shipped = self.origin == _relative(DEFAULT_CONFIG)
        return f"snakemake {target}" + ("" if shipped else f" --configfile {self.origin.replace(', ', ' ')}")

    def products(self, experiment: str) -> list[Path]:
        """Files that jobs bring up to date for an experiment, in the order of the jobs."""
        source = self._experiment(experiment).init_from
        return [
            *([self.labels_folder(experiment) / LABELS] if self.tags(experiment) is not None else []),
            self.index(experiment),
            self.pointer(experiment),
            self.split_record(experiment),
            *(self.products(source) if source is not None else []),
            *self.results(experiment),
        ]

    def results(self, experiment: str) -> list[Path]:
        """Files that a run and a search of an experiment end with."""
        run, search = self.run_folder(experiment), self.search_folder(experiment)
        return [run / "metrics.json", run / "report.html", search / "best.yaml", search / "search.html"]

    def _experiment(self, name: str) -> Experiment:
        return self.config.experiments[name]


def _given(section: dict[str, Any]) -> dict[str, Any]:
    """Without what is left open."""
    return {key: value for key, value in section.items() if value is not None}


def _text(job: Section) -> str:
    return job.model_dump_json()


def _name(readable: str, rest: Any) -> str:
    """A folder name: letters that a shell needs not quote, and eight digits of a hash."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in readable)
    digest = blake2b(json.dumps(rest, sort_keys=True).encode(), digest_size=4).hexdigest()
    return f"{plain}-{digest}"
