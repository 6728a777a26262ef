"""Reading batches: into arrays that fit only, from mapped files, and with an error where they are cut short."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from lettered_stores import stored_clips
from stores_of import random_store

from stores import Store, open_store
from stores.errors import StoreError
from stores.positioned import page_aligned

SHAPE = (8, 32, 4)  # 2048 bytes
LARGE = (64, 128, 4)  # 64 kB: 64 of them are copied past the caches
ROWS = (3, 1, 2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return random_store(tmp_path_factory.mktemp("store") / "s", 20, SHAPE, 4)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return random_store(tmp_path_factory.mktemp("large") / "s", 64, LARGE, 4)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, *SHAPE), np.float16),
        np.zeros((4, *SHAPE), np.float16),
        np.zeros((3, *SHAPE[:2], 8), np.float16),
        np.zeros((3, *SHAPE), np.float32),
        np.zeros((3, *SHAPE), ">f2"),
        np.zeros((6, *SHAPE), np.float16)[::2],
        np.asfortranarray(np.zeros((3, *SHAPE), np.float16)),
        np.broadcast_to(np.zeros(SHAPE, np.float16), (3, *SHAPE)),
    ],
    ids=["few", "many", "shape", "float32", "byte order", "strided", "Fortran", "read-only"],
)
def test_the_target_is_refused_and_left_alone(store: Store, values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="values: expected"):
        store.read_batch(ROWS, ["original"] * 3, values)
    assert not values.any()


def test_a_variant_for_each_row(store: Store) -> None:
    with pytest.raises(ValueError, match="variants: expected one for each of 3 rows, got 2"):
        store.read_batch(ROWS, ["original"] * 2, np.zeros((3, *SHAPE), np.float16))


def test_a_file_is_mapped_once_it_has_been_read_through(large: Store) -> None:
    store = open_store(large.path)
    values = page_aligned((64, *LARGE), np.dtype(np.float16))
    rows = list(range(64))
    for mapped in (False, True, True):
        store.read_batch(rows, ["original"] * 64, values)
        np.testing.assert_array_equal(values, stored_clips(store, rows))
        assert (store._clips("original", 3).address(1) is not None) >= mapped
    np.testing.assert_array_equal(store.clip(7), stored_clips(store, [7])[0])


@pytest.mark.parametrize("options", [{"check": True}, {"direct": True}, {}])
def test_a_shard_cut_short_while_it_is_read_is_an_error(tmp_path: Path, options: dict[str, bool]) -> None:
    path = random_store(tmp_path / "s", 8, SHAPE, 4).path
    store = open_store(path, **options)
    values = np.empty((2, *SHAPE), np.float16)
    store.read_batch([0, 3], ["original"] * 2, values)
    os.truncate(next(path.glob("tensors.zarr/original/c.0.*")), 4096)
    with pytest.raises(StoreError, match=r"c\.0\.0\.0\.0: it ends before clip 3 does"):
        store.read_batch([0, 3], ["original"] * 2, values)
    if not options:
        with pytest.raises(StoreError, match=r"c\.0\.0\.0\.0: it was cut short"):
            store.clip(3)


@pytest.mark.parametrize("options", [{"check": True}, {"direct": True}, {"network": True}])
def test_what_may_be_cut_short_is_never_mapped(
    tmp_path: Path, options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = random_store(tmp_path / "s", 8, SHAPE, 4).path
    if options.pop("network", False):
        monkeypatch.setattr("stores.storage.on_network", lambda path: True)
    store = open_store(path, **options)
    for _ in range(4):
        for row in range(8):
            np.testing.assert_array_equal(store.clip(row), stored_clips(store, [row])[0])
    assert str(path) not in Path("/proc/self/maps").read_text()
    os.truncate(next(path.glob("tensors.zarr/original/c.0.*")), 100)
    with pytest.raises(StoreError, match="it ends before clip 0 does"):
        store.clip(0)


def test_a_disk_that_fails_is_an_error_of_the_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("stores.positioned.os", SimpleNamespace(**{**vars(os), "preadv": fail}))
    with pytest.raises(StoreError, match=r"clip 1 cannot be read \(Input/output error\)"):
        open_store(store.path, check=True).clip(1)
