"""Jobs of the Snakefile, as JSON: everything that decides what each makes."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from features.tensors import AnyRecipe
from pipeline.config.search_space import Search
from pipeline.config.setup import Setup
from pipeline.corpus.sources import AnyCorpus
from pipeline.corpus.sources.base import Archive, Recordings
from pipeline.corpus.sources.readers import source_of
from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.corpus.split import Split
from stores.codec import Compression
from training.report.unfinished import Unfinished
from training.settings import Section, TaskName


class FetchJob(Section):
    fetch: Archive
    root: Path
    corpus: AnyCorpus
    receipt: Path
    lost: bool  # whether what had been fetched is gone


class LabelJob(Section):
    corpus: TagsCorpus
    folder: Path
    fingerprint: str


class IndexJob(Section):
    corpus: AnyCorpus
    folder: Path
    fingerprint: str  # of the files: a change runs the job again


class BuildJob(Section):
    name: str
    corpus: AnyCorpus
    recipe: AnyRecipe
    index: Path
    family: Path
    address: str | None  # of the folder in object storage in which the store is built, in place of `family`
    clips_per_shard: int
    compression: Compression | None

    def recordings(self, clips: pa.Table) -> Recordings:
        """Return the recordings that clips come from."""
        return source_of(self.corpus.resolved(), self.name).recordings(self.index, clips)


class SplitJob(Section):
    index: Path
    split: Split
    record: Path  # the file in which the sides are
    inherited: Path | None  # the record of the corpus on whose weights this one's runs start
    task: TaskName = "multiclass"  # of the runs


class TrainJob(Section):
    name: str
    corpus: AnyCorpus
    index: Path
    family: Path
    folder: Path
    setup: Setup
    record: Path
    init_from: Path | None  # the folder of that run
    probes: dict[str, Path] = Field(default_factory=dict)  # folders of their runs, by experiment

    def recordings(self, clips: pa.Table) -> Recordings:
        """Return the recordings that clips come from."""
        return source_of(self.corpus, self.name).recordings(self.index, clips)


class SearchJob(Section):
    name: str
    family: Path
    folder: Path
    setup: Setup
    record: Path
    search: Search
    best: dict[str, Any]  # a configuration of one experiment, which gets the settings that are found


class ReportJob(Section):
    folder: Path
    runs: tuple[Path, ...]
    unfinished: dict[str, Unfinished] = Field(default_factory=dict)  # by experiment
