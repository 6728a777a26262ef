"""Training on two cores: from a store against memory; and a run's evaluation and report against its training."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks.measure import Row, medians, row
from benchmarks.noise import noise, written
from benchmarks.peers import batches_in_memory
from benchmarks.scratch import run, scratch
from benchmarks.stream import BATCH, CORES, two_cores
from features.tensors.four_channel import Recipe
from pipeline.runs.train import train_experiment
from pipeline.workflow.jobs import TrainJob
from pipeline.workflow.plan import plan_of
from stores import open_store
from training.learner import Learner
from training.models.build import build
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.settings import Training
from training.stream import ClipStream

ROOT = Path(__file__).parents[1]
CLIPS, CLASSES = 64, 10
EPOCHS = 21  # short ones in turn: whatever else the machine does meets both sides
# Network, tensors and training of the demo of genres.
FRAMES = 216
MODEL: dict[str, Any] = {"name": "resnet_attention", "width": 0.25, "blocks": [1, 1, 1], "dropout": 0.2}
RECIPE: dict[str, Any] = {"kind": "four_channel", "frames": FRAMES}
EXPERIMENT: dict[str, Any] = {
    "corpus": {"source": "demo", "name": "genres"},
    "recipe": "demo",
    "model": MODEL,
    "training": {"epochs": 10, "batch_size": BATCH, "device": "cpu"},
}


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    memory, report = "training/store_vs_memory", "training/report_overhead"
    if not wanted(memory) and not wanted(report):
        return
    with scratch() as folder, two_cores():
        torch.set_num_threads(CORES)  # as the workflow trains
        if wanted(memory):
            ours, theirs = (seconds / CLIPS for seconds in store_and_memory(folder / "store"))
            unit = f"ms per clip of 128 × {FRAMES} × 4, batches of {BATCH}, {CORES} cores"
            yield row(memory, unit, ours, theirs, "the same training on a list of batches in memory")
        if wanted(report):
            whole, again = report_and_training(folder)
            unit = f"s, the demo of genres, {EXPERIMENT['training']['epochs']} epochs, {CORES} cores"
            other_name = "its training; ours is evaluation, artefact and report of the same run"
            yield Row(report, again, whole - again, other_name, unit, (whole - again) / again)


def store_and_memory(path: Path) -> list[float]:
    """Return the seconds of an epoch of training from a store, and of one from memory."""
    recipe = Recipe(frames=FRAMES)
    store = written(path, noise(recipe.shape, CLIPS), recipe, count=CLIPS)
    labels = np.arange(CLIPS) % CLASSES
    stream = ClipStream(store, np.arange(CLIPS), labels, batch_size=BATCH, shuffle=True)
    batches = batches_in_memory.prepare(stream)
    model = ResNetAttentionModel.model_validate(MODEL)
    learners, losses = [], []
    for same_batches in (stream, batches_in_memory.epoch(batches)):
        torch.manual_seed(0)  # of the first weights, and of dropout
        learners.append(Learner(build(model, CLASSES, recipe), Training(device="cpu", schedule="constant")))
        losses.append(loss(learners[-1], same_batches))
    assert losses[0] == losses[1], losses
    from_store, from_memory = learners

    def ours() -> None:
        stream.set_epoch(len(from_store.history))
        loss(from_store, stream)

    return medians(ours, lambda: loss(from_memory, batches_in_memory.epoch(batches)), runs=EPOCHS)


def loss(learner: Learner, batches: Iterable[dict[str, torch.Tensor]]) -> float:
    """Train for an epoch, and return its mean loss."""
    for batch in batches:
        learner.learn(batch)
        learner.step()
    return learner.end_epoch()["train_loss"]


def report_and_training(folder: Path) -> tuple[float, float]:
    """Return the seconds of a run, once, and of the same command where nothing is left to be trained."""
    config = folder / "mine.yaml"
    settings = {"work_dir": str(folder / "work"), "experiments": {"x": EXPERIMENT}, "recipes": {"demo": RECIPE}}
    config.write_text(yaml.safe_dump(settings))
    command = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(ROOT / "Snakefile")]
    run([*command, "--cores", str(CORES), "features", "--configfile", str(config)], folder)
    job = TrainJob.model_validate_json(plan_of([config]).experiments["x"].train_job)
    store = open_store(job.family)

    def train() -> None:
        train_experiment(
            job.folder,
            store,
            job.setup,
            name=job.name,
            config_path="experiments.x",
            recordings=job.recordings(store.rows),
            quarantine=job.index / "quarantine.csv",
        )

    start = perf_counter()
    train()  # for minutes, in which a second more or less does not count
    whole = perf_counter() - start
    (again,) = medians(train)
    return whole, again
