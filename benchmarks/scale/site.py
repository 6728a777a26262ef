"""A corpus of many clips without sound, its index and its store: files as otogura writes them, but hollow.

Recordings are empty files that the last scan knows as good ones. Shards and statistics have their sizes, and hold
nothing.
"""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pipeline.build.environment import environment
from pipeline.build.store import array_specs, row_table, store_identity
from pipeline.corpus.index import read_index, update_index
from pipeline.corpus.sources.audio.scan import FILES
from pipeline.corpus.sources.base import SCAN_CACHE, Source
from pipeline.corpus.sources.readers import source_of
from pipeline.support.executors import TaskRunner
from pipeline.workflow.plan import Plan, plan_of
from pipeline.workflow.targets import StoreTarget
from stores.files import checked_json, make_folder
from stores.layout import ArraySpec
from stores.writer import StoreWriter

CONFIG = Path("mine.yaml")
EXPERIMENT = "genre"
CLASSES = 10
RATE_HZ, SECONDS = 22050, 30


class Site:
    """The folder in which this process runs, with a corpus and a configuration as a user has them."""

    @cached_property
    def plan(self) -> Plan:
        return plan_of([CONFIG])

    @property
    def store(self) -> StoreTarget:
        return self.plan.experiments[EXPERIMENT].store

    @property
    def index_folder(self) -> Path:
        return self.store.corpus.index_folder

    @property
    def record(self) -> Path:
        """Return the file of the sides."""
        return self.plan.experiments[EXPERIMENT].split.record

    @property
    def source(self) -> Source[Any]:
        return source_of(self.store.corpus.corpus, EXPERIMENT)

    @property
    def specs(self) -> Sequence[ArraySpec]:
        return array_specs(self.store.recipe, self.store.clips_per_shard)

    @cached_property
    def clips(self) -> pa.Table:
        return read_index(self.index_folder)

    def writer(self, clips: pa.Table) -> StoreWriter:
        """Return the writer of the store of some clips."""
        return StoreWriter(self.store.family / store_identity(clips, self.specs), self.specs, clips["content_hash"])

    def index(self) -> pa.Table:
        """Do what the job of the index does."""
        scan = self.source.scan(self.index_folder, TaskRunner("threads", 2))
        return update_index(self.index_folder, scan, max_quarantine=0.0, config_path=EXPERIMENT).clips


def synthesise(clips: int) -> None:
    """Make the site of that many clips in the folder of this process, all but the manifest of its store."""
    config = {"experiments": {EXPERIMENT: {"corpus": {"root": "corpus"}}}, "clips_per_shard": 64}
    CONFIG.write_text(yaml.safe_dump(config))
    ids = _recordings(Path("corpus"), clips)
    site = Site()
    site.index_folder.mkdir(parents=True)
    pq.write_table(_scanned(ids), site.index_folder / SCAN_CACHE)
    site.index()
    writer = site.writer(site.clips)
    recipe = site.store.recipe
    writer.prepare(row_table(site.clips, recipe), {"corpus": site.store.name, "channels": list(recipe.channels)})
    for spec in writer.specs.values():
        _shards(writer, spec)


def _recordings(root: Path, clips: int) -> list[str]:
    """Create empty files, and return their paths below `root`."""
    for number in range(CLASSES):
        make_folder(root / f"genre{number}")
    ids = [f"genre{number % CLASSES}/{number:07}.wav" for number in range(clips)]
    for name in ids:
        os.close(os.open(f"{root}/{name}", os.O_CREAT | os.O_WRONLY))
    return sorted(ids)


def _scanned(ids: Sequence[str]) -> pa.Table:
    """Return what a scan of these files would have noted if they held sound."""
    states = [os.stat(f"corpus/{name}") for name in ids]
    content = np.random.default_rng(0).bytes(16 * len(ids)).hex()
    columns = {
        "id": ids,
        "size": [state.st_size for state in states],
        "mtime_ns": [state.st_mtime_ns for state in states],
        "content_hash": [content[start : start + 32] for start in range(0, len(content), 32)],
        "samples": np.full(len(ids), RATE_HZ * SECONDS),
        "sample_rate_hz": np.full(len(ids), RATE_HZ),
        "reason": [""] * len(ids),
    }
    return pa.table(columns, schema=FILES)


def _shards(writer: StoreWriter, spec: ArraySpec) -> None:
    """Write the shards of a variant, with markers: of the right size, but without what takes room on the disk."""
    layout = writer.layout
    crc32c = google_crc32c.value(bytes(spec.clip_bytes))
    statistics_crc32c = google_crc32c.value(bytes(spec.statistics_bytes))
    for shard, rows in enumerate(writer.shards):
        _hollow(layout.shard(spec, shard), len(rows) * spec.clip_bytes + spec.index_bytes)
        _hollow(layout.statistics_chunk(spec, shard), spec.statistics_bytes)
        marker = {
            "key": spec.shard_key(writer.shard_hashes(shard)),
            "crc32c": [crc32c] * len(rows),
            "statistics_crc32c": statistics_crc32c,
            "written_with": [environment()],
        }
        layout.marker(spec.variant, shard).write_bytes(checked_json(marker))


def _hollow(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)
