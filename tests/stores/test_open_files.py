"""Files that stay open: a budget of descriptors for all stores of a process."""

import gc
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lettered_stores import stored_clips
from stores_of import random_store

from stores import Store, open_store
from stores.gather import LEAST_BYTES
from stores.open_files import OpenFiles, affordable
from stores.positioned import page_aligned

ROOT = Path(__file__).parents[2]
SHAPE = (8, 32, 4)  # 2048 bytes
LARGE = (64, 128, 4)  # 64 kB: 64 of them are copied past the caches


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return random_store(tmp_path_factory.mktemp("store") / "s", 20, SHAPE, 4)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return random_store(tmp_path_factory.mktemp("large") / "s", 64, LARGE, 4)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> OpenFiles[Any]:
    """Stores that are opened from here on may keep three files open."""
    files: OpenFiles[Any] = OpenFiles(3)
    monkeypatch.setattr("stores.reader.open_files", lambda: files)
    return files


def open_below(path: Path) -> int:
    """Number of descriptors of this process for files below a folder."""
    return sum(os.path.realpath(link).startswith(f"{path}/") for link in Path("/proc/self/fd").iterdir())


def test_many_shards_need_few(tmp_path: Path, few: OpenFiles[Any]) -> None:
    store = random_store(tmp_path / "s", 26, SHAPE, 1)
    values = np.empty((26, *SHAPE), np.float16)
    for _ in range(3):
        store.read_batch(range(26), ["original"] * 26, values)
        assert open_below(tmp_path) <= few.limit
    np.testing.assert_array_equal(values[25], store.clip(25))


def test_two_stores_share_them_and_the_least_recently_used_go(tmp_path: Path, few: OpenFiles[Any]) -> None:
    first, second = (random_store(tmp_path / name, 3, SHAPE, 1) for name in "ab")
    for row in range(3):
        first.clip(row)
    second.clip(0)
    first.clip(1)
    second.clip(1)
    assert len(few) == open_below(tmp_path) == 3
    assert (open_below(tmp_path / "a"), open_below(tmp_path / "b")) == (1, 2)


def test_a_store_that_goes_closes_its_files_at_once(tmp_path: Path) -> None:
    store = random_store(tmp_path / "s", 8, SHAPE, 2)
    gc.collect()
    gc.disable()
    try:
        for row in range(8):
            store.clip(row)
        assert open_below(tmp_path) == 4
        del store
        assert open_below(tmp_path) == 0
    finally:
        gc.enable()


def test_no_file_is_closed_under_its_reader(large: Store, few: OpenFiles[Any]) -> None:
    store = open_store(large.path)
    kept = store.clip(0)
    for row in range(4, 64):
        store.clip(row)
    np.testing.assert_array_equal(kept, stored_clips(store, [0])[0])

    def read(seed: int) -> None:
        rows = np.random.default_rng(seed).permutation(64).tolist()
        values = page_aligned((64, *LARGE), np.dtype(np.float16))
        assert values.nbytes >= LEAST_BYTES
        for _ in range(3):
            store.read_batch(rows, ["original"] * 64, values)
            np.testing.assert_array_equal(values, whole[rows])

    whole = stored_clips(store, list(range(64)))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(read, range(4)))


def test_what_readers_hold_counts(tmp_path: Path, few: OpenFiles[Any]) -> None:
    store = random_store(tmp_path / "s", 8, SHAPE, 1)
    held = [few.get((-1, "original", row), store._open_clips) for row in range(3)]
    few.release(-1)
    store.clip(3)
    assert open_below(tmp_path) == 3  # what was opened beyond was closed again
    del held
    store.clip(3)
    assert open_below(tmp_path) == 1


def test_a_few_hundred_are_enough_for_two_stores(tmp_path: Path) -> None:
    """Two epochs of two stores of 150 shards at once in a process that may have 100 descriptors."""
    for name in "ab":
        random_store(tmp_path / name, 150, SHAPE, 1)
    code = """
import resource, sys
from pathlib import Path
import numpy as np
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
from stores import open_store
from training.stream import ClipStream
stores = [open_store(Path(path)) for path in sys.argv[1:]]
streams = [ClipStream(s, range(150), np.zeros(150, int), batch_size=75, shuffle=True) for s in stores]
for epoch in range(2):
    for batches in zip(*streams):
        pass
print("done")
"""
    command = [sys.executable, "-c", code, str(tmp_path / "a"), str(tmp_path / "b")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


@pytest.mark.parametrize(
    ("soft", "hard", "budget", "raised"),
    [(256, 256, 128, None), (1024, 1024, 512, None), (1024, 3000, 1500, 3000), (256, 1 << 20, 2048, 4096)],
)
def test_the_budget_follows_from_the_limit(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, budget: int, raised: int | None
) -> None:
    limits = SimpleNamespace(RLIMIT_NOFILE=7, RLIM_INFINITY=-1, now=(soft, hard))
    limits.getrlimit = lambda kind: limits.now
    limits.setrlimit = lambda kind, pair: setattr(limits, "now", pair)
    monkeypatch.setattr("stores.open_files.resource", limits)
    assert affordable() == budget
    assert limits.now == (raised or soft, hard)


def test_a_system_that_does_not_let_it_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: int, pair: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    limits = SimpleNamespace(RLIMIT_NOFILE=7, RLIM_INFINITY=-1, getrlimit=lambda kind: (256, -1), setrlimit=refuse)
    monkeypatch.setattr("stores.open_files.resource", limits)
    assert affordable() == 128


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # which is what is tested
def test_forked_and_pickled_stores_read(store: Store) -> None:
    store.clip(0)
    assert np.array_equal(pickle.loads(pickle.dumps(store)).clip(0), store.clip(0))  # noqa: S301  # our own bytes
    files = store._files
    with files._lock:  # as a thread may, while another one forks
        child = os.fork()
        if child == 0:
            status = 1
            try:
                ThreadPoolExecutor(1).submit(store.clip, 5).result(timeout=60)
                status = 0
            finally:
                os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
