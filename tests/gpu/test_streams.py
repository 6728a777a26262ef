"""Batches on their way to a device: pinned, copied without waiting, and turned there into the same tensors."""

from typing import Any

import numpy as np
import pytest
import torch
from stores_of import small_store
from torch import Tensor

from features.tensors.four_channel import Recipe
from stores import Store
from training.augment import augmented, uniform
from training.compact import Expand
from training.learner import Learner
from training.models.build import build
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.normalise import Renormalise, fitted_statistics
from training.settings import Augment, Training
from training.stream import ClipStream

COMPACT = Recipe(frames=24, n_mels=32, layout="compact")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """18 clips of three classes, six variants, in the compact layout."""
    return small_store(tmp_path_factory.mktemp("store"), recipe=COMPACT)


def stream(store: Store, **options: Any) -> ClipStream:
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    return ClipStream(store, np.arange(len(store)), labels, batch_size=6, expand=False, statistics=True, **options)


def test_batches_are_pinned_and_copied_without_waiting(
    store: Store, device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = device == "cuda"
    network = build(ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1), 3, COMPACT)
    learner = Learner(network, Training(device=device, precision="float32"))
    to, copies = Tensor.to, []

    def copying(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if "non_blocking" in kwargs:
            copies.append((kwargs["non_blocking"], tensor.is_pinned()))
        return to(tensor, *args, **kwargs)

    monkeypatch.setattr(Tensor, "to", copying)
    for batch in stream(store, shuffle=True, pin=pin):
        assert {name: value.is_pinned() for name, value in batch.items()} == dict.fromkeys(batch, pin)
        learner.learn(batch)
        learner.step()
    assert copies == [(True, pin)] * (3 * 6)  # batches, and tensors of each
    learner.end_epoch()


def test_a_gpu_gets_the_bytes_of_every_batch(store: Store, device: Any) -> None:
    """Pinned memory is used again while copies are under way."""
    pinned = [
        {name: value.to(device, non_blocking=True) for name, value in batch.items()}
        for batch in stream(store, pin=device == "cuda")
    ]
    for arrived, batch in zip(pinned, stream(store), strict=True):
        assert arrived.keys() == batch.keys()
        for name, value in batch.items():
            assert arrived[name].device.type == device
            assert torch.equal(arrived[name].cpu(), value), name


def test_all_of_a_batch_is_pinned_on_request(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU there is no pinned memory: notes stand for it."""
    pinned, empty = [], torch.empty

    def noted(*args: Any, pin_memory: bool = False, **kwargs: Any) -> Tensor:
        pinned.append(pin_memory)
        return empty(*args, **kwargs)

    def copied(tensor: Tensor) -> Tensor:
        pinned.append(True)
        return tensor.clone()

    monkeypatch.setattr(torch, "empty", noted)
    monkeypatch.setattr(Tensor, "pin_memory", copied)
    (first, *_) = stream(store, pin=True)
    monkeypatch.undo()
    assert pinned == [True] * (3 * 6)
    (expected, *_) = stream(store)
    assert first.keys() == expected.keys()
    assert all(torch.equal(first[name], value) for name, value in expected.items())


def test_compact_rows_are_expanded_as_on_the_cpu(store: Store, device: Any) -> None:
    expand = Expand(COMPACT)
    for batch in stream(store):
        expected = expand.cpu()(batch["features"])
        with torch.autocast(device, torch.bfloat16):
            planes = expand.to(device)(batch["features"].to(device))
        assert planes.dtype == torch.float32
        assert planes.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(planes.cpu(), expected, rtol=1e-5, atol=1e-5)


def test_tensors_are_normalised_as_on_the_cpu(store: Store, device: Any) -> None:
    own = Renormalise(COMPACT, fitted_statistics(store, np.arange(len(store)), ["original"]))
    for batch in stream(store):
        expected = own.cpu()(batch["features"], batch["statistics"])
        normalised = own.to(device)(batch["features"].to(device), batch["statistics"].to(device))
        torch.testing.assert_close(normalised.cpu(), expected, rtol=1e-5, atol=1e-5)


def test_draws_are_the_same_on_every_device(device: Any) -> None:
    keys = torch.arange(-8, 8) * 0x1E3779B97F4A7C15
    assert torch.equal(uniform(keys.to(device), 3, 40).cpu(), uniform(keys, 3, 40))
    options: dict[str, Any] = {"row_masks": 2, "frame_masks": 2, "row_shift": 3, "frame_shift": 5, "gain_db": 6.0}
    settings, size = Augment(**options, filter_db=6.0), (24, 20)
    images = torch.randn(16, 1, 32, 30, generator=torch.Generator().manual_seed(0))
    expected = augmented(images, settings, size, torch.tensor(0.5), keys)
    drawn = augmented(images.to(device), settings, size, torch.tensor(0.5, device=device), keys.to(device))
    torch.testing.assert_close(drawn.cpu(), expected, rtol=1e-5, atol=1e-5)
