"""Targets of the workflow: what an experiment is made from, each with its files and the JSON of its job.

A target is resolved once, when the configuration is read. Only fingerprints, for which every recording is looked up on
the disk, wait until a job asks for them.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from features.tensors import AnyRecipe
from pipeline.config.experiment import Experiment
from pipeline.corpus.sources.base import Archive, StoredCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.corpus.split import Split
from pipeline.demos import demo
from pipeline.labels.mine import LABELS, fingerprint
from pipeline.support.errors import InputError
from pipeline.workflow.jobs import BuildJob, FetchJob, IndexJob, LabelJob, SearchJob, SplitJob, TrainJob
from stores.codec import Compression
from stores.files import read_json
from stores.layout import POINTER
from training.settings import TaskName

NO_FINGERPRINT = "unreadable"  # in place of a fingerprint: the job itself says why, if anyone asks for it


@dataclass(frozen=True)
class DemoTarget:
    """Corpus that the project synthesises."""

    name: str
    folder: Path

    @property
    def receipt(self) -> Path:
        """Return the file that says that it is synthesised."""
        return self.folder.with_suffix(".json")

    @property
    def fingerprint(self) -> str:
        return f"demo {demo(self.name).VERSION}"


@dataclass(frozen=True)
class LabelsTarget:
    """Table of labels that is mined from the tags of tracks."""

    folder: Path
    tags: TagsCorpus
    config_path: str
    demo: DemoTarget | None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def table(self) -> Path:
        return self.folder / LABELS

    @property
    def receipts(self) -> list[Path]:
        """Return the files that must be there before the tags can be read."""
        return [] if self.demo is None else [self.demo.receipt]

    @cached_property
    def fingerprint(self) -> str:
        if self.demo is not None:
            return self.demo.fingerprint
        try:
            return fingerprint(self.tags, self.config_path)
        except (InputError, OSError):
            return NO_FINGERPRINT

    @property
    def job(self) -> str:
        return LabelJob(corpus=self.tags, folder=self.folder, fingerprint=self.fingerprint).model_dump_json()


@dataclass(frozen=True)
class ArchiveTarget:
    """Corpus that is fetched as an archive."""

    archive: Archive
    root: Path
    corpus: StoredCorpus
    receipt: Path

    @property
    def job(self) -> str:
        return FetchJob(
            fetch=self.archive,
            root=self.root,
            corpus=self.corpus,
            receipt=self.receipt,
            lost=self.receipt.is_file() and not self.root.is_dir(),
        ).model_dump_json()


@dataclass(frozen=True)
class CorpusTarget:
    """Index of a corpus. Of experiments that share it, the strictest limit on bad recordings holds for all."""

    name: str
    corpus: StoredCorpus
    index_folder: Path
    config_path: str
    demo: DemoTarget | None
    labels: LabelsTarget | None
    archive: ArchiveTarget | None

    @property
    def index(self) -> Path:
        return self.index_folder / "index.json"

    @property
    def sources(self) -> list[Path]:
        """Return the files that say that the corpus, or what its labels are mined from, is synthesised or fetched."""
        origin = self.demo or self.archive
        return [] if origin is None else [origin.receipt]

    @property
    def receipts(self) -> list[Path]:
        """Return the files that must be there before the corpus can be indexed."""
        return self.sources if self.labels is None else [self.labels.table]

    @cached_property
    def fingerprint(self) -> str:
        """Return a fingerprint of the files or, before they are synthesised or fetched, of where they come from."""
        if made_by := self.labels or self.demo:
            return made_by.fingerprint
        archive = self.archive
        if archive is not None and not (archive.receipt.is_file() and archive.root.is_dir()):
            return f"fetched {archive.archive.sha256}"
        try:
            of_files = source_of(self.corpus, self.config_path).fingerprint()
        except (InputError, OSError):
            return NO_FINGERPRINT
        untouched = archive is not None and read_json(archive.receipt)["fingerprint"] == of_files
        return f"fetched {archive.archive.sha256}" if archive is not None and untouched else of_files

    @property
    def job(self) -> str:
        return IndexJob(corpus=self.corpus, folder=self.index_folder, fingerprint=self.fingerprint).model_dump_json()


@dataclass(frozen=True)
class StoreTarget:
    """Folder of the stores of one corpus and one recipe. `learners` are the experiments that train on them, as JSON."""

    name: str
    corpus: CorpusTarget
    recipe: AnyRecipe
    family: Path
    address: str | None  # of their folder in object storage, in place of `family`, which has the pointer alone
    lock: Path  # held by whoever writes into the folder
    clips_per_shard: int
    compression: Compression | None
    learners: str

    @property
    def pointer(self) -> Path:
        return self.family / POINTER

    @property
    def job(self) -> str:
        return BuildJob(
            name=self.name,
            corpus=self.corpus.corpus,
            recipe=self.recipe,
            index=self.corpus.index_folder,
            family=self.family,
            address=self.address,
            clips_per_shard=self.clips_per_shard,
            compression=self.compression,
        ).model_dump_json()


@dataclass(frozen=True)
class SplitTarget:
    """Record of the sides of a corpus's clips. It inherits those of the corpus whose weights its runs start from."""

    name: str
    corpus: CorpusTarget
    split: Split
    record: Path
    config_path: str
    inherited: "SplitTarget | None"
    task: TaskName

    @property
    def inherited_record(self) -> list[Path]:
        return [] if self.inherited is None else [self.inherited.record]

    @property
    def job(self) -> str:
        return SplitJob(
            index=self.corpus.index_folder,
            split=self.split,
            record=self.record,
            inherited=next(iter(self.inherited_record), None),
            task=self.task,
        ).model_dump_json()


@dataclass(frozen=True)
class ExperimentTarget:
    """Run and search of one experiment, on its store and its split.

    `start` is the one whose weights it begins with; `probes` are linear probes on the same sides, its baselines.
    """

    name: str
    experiment: Experiment  # with the split and the folds of the first of those that start from each other
    config_path: str
    corpus: CorpusTarget
    store: StoreTarget
    split: SplitTarget
    start: "ExperimentTarget | None"
    probes: "tuple[ExperimentTarget, ...]"
    run_folder: Path
    search_folder: Path
    best: dict[str, Any]  # the configuration of this experiment alone, which a search completes

    @property
    def metrics(self) -> Path:
        return self.run_folder / "metrics.json"

    @property
    def started_from(self) -> list[Path]:
        """Return the metrics of the run whose weights are the beginning, if there is one."""
        return [] if self.start is None else [self.start.metrics]

    @property
    def probed(self) -> list[Path]:
        """Return the metrics of the probes."""
        return [probe.metrics for probe in self.probes]

    @property
    def results(self) -> list[Path]:
        """Return the files that a run and a search end with."""
        run, search = self.run_folder, self.search_folder
        return [self.metrics, run / "report.html", search / "best.yaml", search / "search.html"]

    @property
    def products(self) -> list[Path]:
        """Return the files that jobs bring up to date for the experiment, in the order of the jobs."""
        return [
            *([self.corpus.labels.table] if self.corpus.labels is not None else []),
            self.corpus.index,
            self.store.pointer,
            self.split.record,
            *(self.start.products if self.start is not None else []),
            *(product for probe in self.probes for product in probe.products),
            *self.results,
        ]

    @property
    def train_job(self) -> str:
        return TrainJob(
            name=self.name,
            corpus=self.corpus.corpus,
            index=self.corpus.index_folder,
            family=self.store.family,
            folder=self.run_folder,
            setup=self.experiment,
            record=self.split.record,
            init_from=None if self.start is None else self.start.run_folder,
            probes={probe.name: probe.run_folder for probe in self.probes},
        ).model_dump_json()

    @property
    def search_job(self) -> str:
        assert self.experiment.search is not None
        return SearchJob(
            name=self.name,
            family=self.store.family,
            folder=self.search_folder,
            setup=self.experiment,
            record=self.split.record,
            search=self.experiment.search,
            best=self.best,
        ).model_dump_json()
