"""Tiny runs, trained by the pipeline itself, with the predictions that they were scored by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.special import softmax
from stores_of import indexed

from features.augmentations import Variants
from features.recipe import TensorRecipe
from pipeline.build.store import build_store
from pipeline.config.schema import parse
from pipeline.corpus.index import read_index
from pipeline.corpus.sources.base import StoredCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.runs.corpus import learned_corpus
from pipeline.runs.train import train_experiment
from pipeline.support.executors import TaskRunner
from stores import open_store

ONLY_ORIGINAL = Variants(noise=None, shift=None, stretch=None, pitch=None, rolloff=None)
TRAINING = {"epochs": 2, "batch_size": 4, "device": "cpu", "precision": "float32", "variants": "original"}
CNN = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}


@dataclass(frozen=True)
class TrainedRun:
    """Folder of a run, that of its corpus, and what metrics.json holds."""

    folder: Path
    corpus: Path
    metrics: dict[str, Any]


def trained_run(
    folder: Path,
    source_settings: StoredCorpus,
    recipe: TensorRecipe,
    *,
    model: Mapping[str, Any] = CNN,
    training: Mapping[str, Any] | None = None,
    **options: Any,
) -> TrainedRun:
    """Index a corpus, build its store and train on it below `folder`; `options` are those of the experiment."""
    source = source_of(source_settings, "corpus")
    clips = indexed(source, folder / "index")
    build: dict[str, Any] = {"name": "tones", "clips_per_shard": 4, "engine": TaskRunner()}
    recordings = source.recordings(folder / "index", clips)
    store = open_store(build_store(folder / "stores" / "family", clips, recordings, recipe, **build).path)
    experiment = {"model": dict(model), "training": TRAINING | dict(training or {})} | options
    chosen = parse({"experiments": {"x": {"corpus": {"root": "x"}} | experiment}}, "").experiments["x"]
    learned = learned_corpus(store, read_index(folder / "index"), source_settings.default_rate_hz)
    run = folder / "work" / "runs" / "x"
    metrics = train_experiment(run, store, chosen, name="x", config_path="x", corpus=learned)
    return TrainedRun(run, getattr(source_settings, "root", folder), metrics)


def scored(run: Path) -> dict[str, tuple[str, np.ndarray]]:
    """Return class and probabilities that the evaluation gave to each test recording, by its name."""
    table = pq.read_table(run / "predictions.parquet")
    logits = np.stack([table[name].to_numpy() for name in table.column_names if name.startswith("logit ")], axis=1)
    decided, names = table["decided"].to_pylist(), table["recording"].to_pylist()
    return dict(zip(names, zip(decided, softmax(logits.astype(np.float64), axis=1), strict=True), strict=True))
