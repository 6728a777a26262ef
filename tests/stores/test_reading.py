"""Reading clips: into what fits only, however their files are opened, and with an error where they are cut short."""

import errno
import gc
import mmap
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
from stores_of import random_store

from stores import Store, open_store
from stores.errors import StoreError
from stores.gather import LEAST_BYTES
from stores.mounts import on_network
from stores.open_files import OpenFiles, affordable
from stores.positioned import File, page_aligned

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


def expected(store: Store, rows: list[int]) -> np.ndarray:
    clip_bytes, clips = store.specs["original"].clip_bytes, []
    for row in rows:
        shard, slot = divmod(row, 4)
        data = next(store.path.glob(f"tensors.zarr/original/c.{shard}.*")).read_bytes()
        clips.append(np.frombuffer(data[slot * clip_bytes : (slot + 1) * clip_bytes], np.float16))
    return np.stack(clips).reshape(-1, *store.clip_shape)


class TestWhatDoesNotFit:
    ROWS = (3, 1, 2)

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
    def test_the_target_is_refused_and_left_alone(self, store: Store, values: np.ndarray) -> None:
        with pytest.raises(ValueError, match="values: expected"):
            store.read_batch(self.ROWS, ["original"] * 3, values)
        assert not values.any()

    def test_a_variant_for_each_row(self, store: Store) -> None:
        with pytest.raises(ValueError, match="variants: expected one for each of 3 rows, got 2"):
            store.read_batch(self.ROWS, ["original"] * 2, np.zeros((3, *SHAPE), np.float16))


class TestDescriptors:
    def test_many_shards_need_few(self, tmp_path: Path, few: OpenFiles[Any]) -> None:
        store = random_store(tmp_path / "s", 26, SHAPE, 1)
        values = np.empty((26, *SHAPE), np.float16)
        for _ in range(3):
            store.read_batch(range(26), ["original"] * 26, values)
            assert open_below(tmp_path) <= few.limit
        np.testing.assert_array_equal(values[25], store.clip(25))

    def test_two_stores_share_them_and_the_least_recently_used_go(self, tmp_path: Path, few: OpenFiles[Any]) -> None:
        first, second = (random_store(tmp_path / name, 3, SHAPE, 1) for name in "ab")
        for row in range(3):
            first.clip(row)
        second.clip(0)
        first.clip(1)
        second.clip(1)
        assert len(few) == open_below(tmp_path) == 3
        assert (open_below(tmp_path / "a"), open_below(tmp_path / "b")) == (1, 2)

    def test_a_store_that_goes_closes_its_files_at_once(self, tmp_path: Path) -> None:
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

    def test_no_file_is_closed_under_its_reader(self, large: Store, few: OpenFiles[Any]) -> None:
        store = open_store(large.path)
        kept = store.clip(0)
        for row in range(4, 64):
            store.clip(row)
        np.testing.assert_array_equal(kept, expected(store, [0])[0])

        def read(seed: int) -> None:
            rows = np.random.default_rng(seed).permutation(64).tolist()
            values = page_aligned((64, *LARGE), np.dtype(np.float16))
            assert values.nbytes >= LEAST_BYTES
            for _ in range(3):
                store.read_batch(rows, ["original"] * 64, values)
                np.testing.assert_array_equal(values, whole[rows])

        whole = expected(store, list(range(64)))
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(read, range(4)))

    def test_what_readers_hold_counts(self, tmp_path: Path, few: OpenFiles[Any]) -> None:
        store = random_store(tmp_path / "s", 8, SHAPE, 1)
        held = [few.get((-1, "original", row), store._open_clips) for row in range(3)]
        few.release(-1)
        store.clip(3)
        assert open_below(tmp_path) == 3  # what was opened beyond was closed again
        del held
        store.clip(3)
        assert open_below(tmp_path) == 1

    def test_a_few_hundred_are_enough_for_two_stores(self, tmp_path: Path) -> None:
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
        self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, budget: int, raised: int | None
    ) -> None:
        limits = SimpleNamespace(RLIMIT_NOFILE=7, RLIM_INFINITY=-1, now=(soft, hard))
        limits.getrlimit = lambda kind: limits.now
        limits.setrlimit = lambda kind, pair: setattr(limits, "now", pair)
        monkeypatch.setattr("stores.open_files.resource", limits)
        assert affordable() == budget
        assert limits.now == (raised or soft, hard)

    def test_a_system_that_does_not_let_it_be_raised(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(kind: int, pair: tuple[int, int]) -> None:
            raise ValueError("current limit exceeds maximum limit")

        limits = SimpleNamespace(RLIMIT_NOFILE=7, RLIM_INFINITY=-1, getrlimit=lambda kind: (256, -1), setrlimit=refuse)
        monkeypatch.setattr("stores.open_files.resource", limits)
        assert affordable() == 128

    @pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # which is what is tested
    def test_forked_and_pickled_stores_read(self, store: Store) -> None:
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


class TestMapping:
    def test_a_file_is_mapped_once_it_has_been_read_through(self, large: Store) -> None:
        store = open_store(large.path)
        values = page_aligned((64, *LARGE), np.dtype(np.float16))
        rows = list(range(64))
        for mapped in (False, True, True):
            store.read_batch(rows, ["original"] * 64, values)
            np.testing.assert_array_equal(values, expected(store, rows))
            assert (store._clips("original", 3).address(1) is not None) >= mapped
        np.testing.assert_array_equal(store.clip(7), expected(store, [7])[0])

    @pytest.mark.parametrize("options", [{"check": True}, {"direct": True}, {}])
    def test_a_shard_cut_short_while_it_is_read_is_an_error(self, tmp_path: Path, options: dict[str, bool]) -> None:
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
        self, tmp_path: Path, options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = random_store(tmp_path / "s", 8, SHAPE, 4).path
        if options.pop("network", False):
            monkeypatch.setattr("stores.storage.on_network", lambda path: True)
        store = open_store(path, **options)
        for _ in range(4):
            for row in range(8):
                np.testing.assert_array_equal(store.clip(row), expected(store, [row])[0])
        assert str(path) not in Path("/proc/self/maps").read_text()
        os.truncate(next(path.glob("tensors.zarr/original/c.0.*")), 100)
        with pytest.raises(StoreError, match="it ends before clip 0 does"):
            store.clip(0)

    def test_a_disk_that_fails_is_an_error_of_the_store(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*arguments: object) -> int:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr("stores.positioned.os", SimpleNamespace(**{**vars(os), "preadv": fail}))
        with pytest.raises(StoreError, match=r"clip 1 cannot be read \(Input/output error\)"):
            open_store(store.path, check=True).clip(1)

    @pytest.mark.parametrize(
        ("system", "network"),
        [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("9p", True), ("ext4", False), ("fuseblk", False)],
    )
    def test_network_file_systems_are_known_by_the_table_of_mounts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, network: bool
    ) -> None:
        device = os.stat(tmp_path).st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        table = f"22 27 0:999 / /proc rw - proc proc rw\n36 35 {number} / /data rw shared:1 - {system} host:/x rw\n"
        (tmp_path / "mountinfo").write_text(table)
        monkeypatch.setattr("stores.mounts.MOUNTS", tmp_path / "mountinfo")
        assert on_network(tmp_path) == network
        monkeypatch.setattr("stores.mounts.MOUNTS", tmp_path / "nowhere")
        assert not on_network(tmp_path)


class TestDirect:
    @pytest.fixture
    def strict(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A disk that wants what direct reads fill to be aligned."""
        fcntl = pytest.importorskip("fcntl")

        def preadv(descriptor: int, buffers: list[memoryview], offset: int) -> int:
            address = np.frombuffer(buffers[0], np.uint8).ctypes.data
            if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT and (address % 4096 or len(buffers[0]) % 4096):
                raise OSError(errno.EINVAL, "Invalid argument")
            return os.preadv(descriptor, buffers, offset)

        monkeypatch.setattr("stores.positioned.os", SimpleNamespace(**{**vars(os), "preadv": preadv}))

    def test_an_ordinary_array_is_filled(self, large: Store, strict: None) -> None:
        store = open_store(large.path, direct=True)
        memory = np.zeros(2 * store.specs["original"].clip_bytes // 2 + 8, np.float16)
        values = memory[8 if memory.ctypes.data % 4096 == 0 else 0 :][: 2 * np.prod(LARGE)].reshape(2, *LARGE)
        assert values.ctypes.data % 4096
        store.read_batch([5, 1], ["original"] * 2, values)
        np.testing.assert_array_equal(values, expected(store, [5, 1]))

    def test_a_file_system_that_refuses_each_read(self, large: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        fcntl = pytest.importorskip("fcntl")

        def preadv(descriptor: int, buffers: list[memoryview], offset: int) -> int:
            if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
                raise OSError(errno.EINVAL, "Invalid argument")
            return os.preadv(descriptor, buffers, offset)

        monkeypatch.setattr("stores.positioned.os", SimpleNamespace(**{**vars(os), "preadv": preadv}))
        np.testing.assert_array_equal(open_store(large.path, direct=True).clip(9), expected(large, [9])[0])

    def test_another_error_is_raised(self, tmp_path: Path) -> None:
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
