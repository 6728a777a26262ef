"""Small real stores, built by the pipeline itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from corpora import write_corpus

from features.tensors.four_channel import Recipe
from pipeline.build.store import build_store
from pipeline.corpus.index import update_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.corpus.sources.base import Source
from pipeline.corpus.sources.readers import source_of
from pipeline.corpus.split_file import update_split
from pipeline.support.executors import TaskRunner
from pipeline.workflow.jobs import BuildJob, IndexJob, SplitJob
from pipeline.workflow.plan import Plan, plan_of
from stores import Store, open_store
from stores.codec import Compression
from stores.layout import ArraySpec
from stores.shard_writing import writing_shard
from stores.writer import StoreWriter

RECIPE = Recipe(frames=24, n_mels=32)


def small_store(folder: Path, labels: str = "abc", clips: int = 6, recipe: Recipe = RECIPE) -> Store:
    """A corpus of tones below `folder` and its store, shards of 4 clips."""
    source = AudioSource(AudioCorpus(root=write_corpus(folder / "corpus", labels, clips)), "corpus")
    index = indexed(source, folder / "index")
    recordings = source.recordings(folder / "index", index)
    options: dict[str, Any] = {"name": "tones", "clips_per_shard": 4, "engine": TaskRunner()}
    return open_store(build_store(folder / "stores" / "family", index, recordings, recipe, **options).path)


def indexed(source: Source, folder: Path, max_quarantine: float = 0.5) -> pa.Table:
    """The good recordings of a source, whose index is in a folder."""
    return update_index(
        folder, source.scan(folder, TaskRunner()), max_quarantine=max_quarantine, config_path="corpus"
    ).clips


def plan_of_tones(
    folder: Path,
    clips: int = 3,
    compression: str | None = None,
    recipe: dict[str, Any] | None = None,
    **variants: object,
) -> Plan:
    """A corpus of tones below `folder`, and a configuration with the experiment x on it, shards of 4 clips."""
    root = write_corpus(folder / "corpus", "abc", clips)
    recipe = (recipe or {"frames": 24, "n_mels": 32}) | {"variants": {"pitch": None, "stretch": None, **variants}}
    model = {"model": "linear_probe"} if "class" in recipe else {}
    config = {
        "work_dir": str(folder / "work"),
        "clips_per_shard": 4,
        "compression": compression,
        "recipes": {"small": recipe},
        "experiments": {"x": {"corpus": {"root": str(root)}, "recipe": "small"} | model},
    }
    (folder / "mine.yaml").write_text(json.dumps(config))
    return plan_of([folder / "mine.yaml"])


def built(plan: Plan, experiment: str = "x") -> Path:
    """The store of an experiment, indexed, split and built as the Snakefile does."""
    index = IndexJob.model_validate_json(plan.experiments[experiment].corpus.job)
    clips = indexed(source_of(index.corpus, experiment), index.folder)
    split = SplitJob.model_validate_json(plan.experiments[experiment].split.job)
    update_split(split.record, clips, split.split, split.inherited)
    job = BuildJob.model_validate_json(plan.experiments[experiment].store.job)
    packing: dict[str, Any] = {"clips_per_shard": job.clips_per_shard, "compression": job.compression}
    options = {"name": job.name, "engine": TaskRunner(), **packing}
    return build_store(job.family, clips, job.recordings(clips), job.recipe, **options).path


def random_store(
    path: Path,
    clips: int,
    shape: tuple[int, int, int],
    clips_per_shard: int = 16,
    compression: Compression | None = None,
    deviations: tuple[float, float] = (1.0, 1.0),
) -> Store:
    """Noise in the place of features, of two labels with a standard deviation each."""
    packing: dict[str, Any] = {"clips_per_shard": clips_per_shard, "compression": compression}
    attributes = {"identity": "noise", **packing}
    dimensions = ("row", "frame", "channel")
    spec = ArraySpec("original", "noise", shape, dimensions, 5, "float16", attributes=attributes, **packing)
    hashes = [f"{number:032x}" for number in range(clips)]
    columns = {"id": [f"{name}.wav" for name in hashes], "label": ["ab"[n % 2] for n in range(clips)]}
    table = pa.table({**columns, "group": hashes, "fold": np.zeros(clips, np.int64), "content_hash": hashes})
    writer = StoreWriter(path, [spec], hashes)
    writer.prepare(table, {})
    rng = np.random.default_rng(0)
    for shard in writer.missing():
        here = writer.shard_hashes(shard)
        with writing_shard(writer.layout, [spec], shard, here) as variants:
            for text in here:
                values = deviations[int(text, 16) % 2] * rng.standard_normal(shape, np.float32)
                variants["original"].append(values.astype(np.float16), np.zeros((5, 2)))
    manifest = {
        "identity": path.name,
        "variants": ["original"],
        "identities": {"original": "noise"},
        "clips": clips,
        "shape": [clips, *shape],
        "dimensions": ["clip", *spec.dimensions],
        "statistics": list("abcde"),
        "dtype": "float16",
        **packing,
    }
    writer.finish(manifest)
    return open_store(path)
