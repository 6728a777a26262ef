"""Positioned reads past the page cache, and memory in large pages."""

import errno
import mmap
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from lettered_stores import stored_clips
from stores_of import random_store

from stores import Store, open_store
from stores.positioned import File, page_aligned

LARGE = (64, 128, 4)  # 64 kB: 64 of them are copied past the caches


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return random_store(tmp_path_factory.mktemp("large") / "s", 64, LARGE, 4)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that wants what direct reads fill to be aligned."""
    fcntl = pytest.importorskip("fcntl")

    def preadv(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        address = np.frombuffer(buffers[0], np.uint8).ctypes.data
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT and (address % 4096 or len(buffers[0]) % 4096):
            raise OSError(errno.EINVAL, "Invalid argument")
        return os.preadv(descriptor, buffers, offset)

    monkeypatch.setattr("stores.positioned.os", SimpleNamespace(**{**vars(os), "preadv": preadv}))


def test_an_ordinary_array_is_filled(large: Store, strict: None) -> None:
    store = open_store(large.path, direct=True)
    memory = np.zeros(2 * store.specs["original"].clip_bytes // 2 + 8, np.float16)
    values = memory[8 if memory.ctypes.data % 4096 == 0 else 0 :][: 2 * np.prod(LARGE)].reshape(2, *LARGE)
    assert values.ctypes.data % 4096
    store.read_batch([5, 1], ["original"] * 2, values)
    np.testing.assert_array_equal(values, stored_clips(store, [5, 1]))


def test_a_file_system_that_refuses_each_read(large: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def preadv(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return os.preadv(descriptor, buffers, offset)

    monkeypatch.setattr("stores.positioned.os", SimpleNamespace(**{**vars(os), "preadv": preadv}))
    np.testing.assert_array_equal(open_store(large.path, direct=True).clip(9), stored_clips(large, [9])[0])


def test_another_error_is_raised(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(OSError, match="Invalid argument"):
        File(tmp_path / "x").read_into(-2, memoryview(bytearray(1)))


@pytest.mark.parametrize(("number", "fine"), [(errno.EINVAL, True), (errno.ENOMEM, False)])
def test_memory_without_large_pages(monkeypatch: pytest.MonkeyPatch, number: int, fine: bool) -> None:
    class Memory(mmap.mmap):
        def madvise(self, *arguments: int) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("stores.positioned.mmap", SimpleNamespace(mmap=Memory, MADV_HUGEPAGE=14))
    if fine:
        assert not page_aligned((3, 5), np.dtype(np.float32)).any()
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            page_aligned((3, 5), np.dtype(np.float32))
