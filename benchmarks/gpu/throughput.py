"""Clips per second of training `resnet_attention` from a store on disk, and from the same tensors on the device."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.devices import WaitingMeter, finished, precisions
from benchmarks.gpu.sizes import Sizes
from benchmarks.measure import medians
from benchmarks.noise import CLIPS, noise, written
from features.tensors.four_channel import Recipe
from training.errors import TrainingError
from training.learner import Learner
from training.models.build import build
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.settings import Training
from training.stream import ClipStream

CLASSES = 10

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Throughput:
    """Speed of training in one precision. The ratio is 1 where the store keeps the device as busy as memory does."""

    precision: str
    batch_size: int
    width: float
    frames: int
    store_clips_per_s: float
    memory_clips_per_s: float
    ratio: float
    waiting_share: float


def throughputs(device: torch.device, sizes: Sizes, folder: Path) -> Iterator[Throughput]:
    """Measure all batch sizes and precisions; what does not fit the device or does not learn is named and left out."""
    recipe = Recipe(frames=sizes.frames)
    store = written(folder / "store", noise(recipe.shape, min(CLIPS, sizes.clips)), recipe, count=sizes.clips)
    labels = np.arange(len(store)) % CLASSES
    for batch_size in sizes.batch_sizes:
        pin = device.type == "cuda"
        stream = ClipStream(store, np.arange(len(store)), labels, batch_size=batch_size, shuffle=True, pin=pin)
        resident = [{name: value.to(device) for name, value in batch.items()} for batch in stream]
        _check(stream, resident)
        for precision in precisions(device):
            try:
                yield _throughput(stream, resident, device, precision, sizes)
            except (torch.cuda.OutOfMemoryError, TrainingError) as error:
                print(f"batches of {batch_size} in {precision} are left out: {error}", flush=True)
            if pin:
                torch.cuda.empty_cache()


def _throughput(
    stream: ClipStream, resident: list[Batch], device: torch.device, precision: str, sizes: Sizes
) -> Throughput:
    training = Training.model_validate({"device": device.type, "precision": precision})
    model = ResNetAttentionModel(width=sizes.width)
    learner = Learner(build(model, CLASSES, Recipe(frames=sizes.frames)), training)
    meter, shares = WaitingMeter(device), list[float]()

    def train(batches: Any) -> None:
        for batch in batches:
            learner.learn(batch)
            learner.step()
        learner.end_epoch()

    def from_store() -> None:
        stream.set_epoch(0)
        train(meter.over(stream))

    def from_store_metered() -> None:
        finished(device, from_store)()
        shares.append(meter.share)

    ours, memory = medians(from_store_metered, finished(device, lambda: train(resident)), runs=sizes.runs)
    clips, batch_size = sum(len(batch["label"]) for batch in resident), len(resident[0]["label"])
    waiting = median(shares[1:])  # as `medians`, which does not count the first
    size = (precision, batch_size, sizes.width, sizes.frames)
    return Throughput(*size, clips / ours, clips / memory, memory / ours, waiting)


def _check(stream: ClipStream, resident: list[Batch]) -> None:
    """Raise `AssertionError` unless the device got all tensors of the store, byte for byte."""
    stream.set_epoch(0)
    for streamed, held in zip(stream, resident, strict=True):
        for name, value in streamed.items():
            assert torch.equal(value, held[name].cpu()), name
        for row, clip in zip(streamed["row"].tolist(), streamed["features"].permute(0, 2, 3, 1), strict=True):
            np.testing.assert_array_equal(clip.numpy(), stream.store.clip(row))
