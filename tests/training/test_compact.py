"""Compact stores: a third of the bytes, the same tensors to float16's rounding, the same training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stores_of import small_store

from features.tensors.four_channel import Recipe
from stores import Store
from training.compact import Expand
from training.fit import fit
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.settings import Training
from training.stream import ClipStream

DENSE, COMPACT = (Recipe(frames=24, n_mels=32, layout=layout) for layout in ("dense", "compact"))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """Stores of the same recordings, dense and compact."""
    folders = [tmp_path_factory.mktemp(name) for name in ("dense", "compact")]
    return small_store(folders[0], recipe=DENSE), small_store(folders[1], recipe=COMPACT)


def stream(store: Store, **options: object) -> ClipStream:
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1].astype(np.int64)
    rows = np.arange(len(store))
    return ClipStream(store, rows, labels, batch_size=6, variants=store.variants, **options)  # type: ignore[arg-type]


def test_the_full_definition_takes_a_third_of_the_bytes() -> None:
    dense, compact = Recipe(), Recipe(layout="compact")
    assert compact.shape == (167, 1320)
    assert round(np.prod(dense.shape) / np.prod(compact.shape), 2) == 3.07
    assert dense.identity("original") != compact.identity("original")


def test_the_stream_gives_the_dense_tensors(stores: tuple[Store, Store]) -> None:
    dense, compact = stores
    assert compact.clip(0).shape == (32 + 3 * 13, 24)
    for ours, theirs in zip(stream(compact), stream(dense), strict=True):
        assert torch.equal(ours["row"], theirs["row"])
        assert ours["features"].dtype == theirs["features"].dtype
        assert ours["features"].is_contiguous(memory_format=torch.channels_last)
        # The spline of rounded coefficients, which overshoots them a little, rounded once more.
        torch.testing.assert_close(ours["features"], theirs["features"], rtol=2**-10, atol=2**-9)
        assert torch.equal(ours["features"][:, 0], theirs["features"][:, 0])


def test_statistics_are_the_same(stores: tuple[Store, Store]) -> None:
    dense, compact = stores
    np.testing.assert_array_equal(compact.statistics("pitch"), dense.statistics("pitch"))


def test_a_network_expands_as_the_stream_does(stores: tuple[Store, Store]) -> None:
    expand = Expand(COMPACT)
    assert not expand.state_dict()
    for rows, planes in zip(stream(stores[1], expand=False), stream(stores[1]), strict=True):
        assert rows["features"].shape[1:] == (71, 24)
        with torch.autocast("cpu", torch.bfloat16):
            expanded = expand(rows["features"])
        torch.testing.assert_close(expanded.half(), planes["features"], rtol=2**-10, atol=1e-6)


def test_training_learns_the_same(stores: tuple[Store, Store], tmp_path: Path) -> None:
    model = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1)
    training = Training(epochs=2, batch_size=6, device="cpu", precision="float32")
    losses = []
    for number, store in enumerate(stores):
        sides = [stream(store, shuffle=shuffle, expand=False) for shuffle in (True, False)]
        fitted = fit(
            tmp_path / str(number),
            *sides,
            classes=["a", "b", "c"],
            model=model,
            training=training,
            identity={"store": str(number)},
        )
        losses.append([epoch["train_loss"] for epoch in fitted.history])
        assert not [name for name in fitted.network.state_dict() if "expand" in name]
    np.testing.assert_allclose(*losses, rtol=0.02)
