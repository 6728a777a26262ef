"""Stores in object storage: what is read there is what lies in the folder, whatever happens on the way."""

import multiprocessing
import os
import pickle
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from buckets import FAULTS, Bucket, bucket
from obstore.exceptions import GenericError
from stores_of import random_store, small_store

import stores.remote.cache
import stores.remote.objects
from stores import Store, open_store
from stores.errors import StoreError
from stores.remote.cache import SUFFIX, Cache
from stores.remote.objects import ATTEMPTS, FETCHES, METADATA_HOST, Objects
from stores.remote.transfer import Push
from training.stream import ClipStream

CLIPS_PER_SHARD = 4  # of `small_store`


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def there(local: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """A bucket with that store."""
    with pytest.MonkeyPatch.context() as environment, bucket(tmp_path_factory.mktemp("bucket"), environment) as here:
        environment.setattr(stores.remote.objects, "PAUSE_S", 0.0)
        list(Push(Path(local.path), here.address()).run())
        yield here


@pytest.fixture(autouse=True)
def _no_faults(there: Bucket) -> None:
    there.faults.clear()
    there.requests.clear()


def opened(there: Bucket, cache: Path, **options: Any) -> Store:
    return open_store(there.address(), cache=cache, **options)


def batch(store: Store, rows: list[int], variant: str = "original") -> np.ndarray:
    values = np.empty((len(rows), *store.clip_shape), store.dtype)
    store.read_batch(rows, [variant] * len(rows), values)
    return values


def same(one: Store, other: Store) -> bool:
    """Return True if all clips of two stores are equal, read in batches and one by one."""
    rows = list(range(len(one)))
    return all(
        batch(one, rows, variant).tobytes() == batch(other, rows, variant).tobytes()
        and one.clip(3, variant).tobytes() == other.clip(3, variant).tobytes()
        for variant in one.variants
    )


@pytest.mark.parametrize("cache_bytes", [0, 10**9])
def test_it_holds_what_the_folder_holds(local: Store, there: Bucket, tmp_path: Path, cache_bytes: int) -> None:
    store = opened(there, tmp_path, cache_bytes=cache_bytes)
    assert store.identity == local.identity
    assert str(store.path) == f"{there.address()}/{Path(local.path).name}"
    assert store.rows.equals(local.rows)
    assert np.array_equal(store.statistics("noise"), local.statistics("noise"))
    assert same(local, store)
    assert any(tmp_path.rglob(f"*{SUFFIX}")) == (cache_bytes > 0)


def test_what_is_cached_is_not_fetched_again(local: Store, there: Bucket, tmp_path: Path) -> None:
    for _ in range(2):
        store = opened(there, tmp_path)
        there.requests.clear()
        assert same(local, store)
        assert store.rows.equals(local.rows)
        assert np.array_equal(store.statistics(), local.statistics())
    assert not there.requests


@pytest.mark.parametrize("compression", ["zstd", "blosc"])
def test_compressed_clips_are_the_same(
    there: Bucket, tmp_path: Path, compression: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = random_store(tmp_path / "family" / "packed", 10, (8, 6, 4), 4, compression)
    list(Push(tmp_path / "family" / "packed", there.address(compression)).run())
    for _ in range(2):
        assert same(local, open_store(there.address(compression), cache=tmp_path / "cache"))


def test_a_stream_gives_the_same_batches_and_processes_are_sent_the_store(
    local: Store, there: Bucket, tmp_path: Path
) -> None:
    def batches(store: Store) -> list[bytes]:
        rows, labels = np.arange(len(store)), np.zeros(len(store), np.int64)
        stream = ClipStream(
            store, rows, labels, batch_size=4, variants=store.variants, choice="one", shuffle=True, seed=1
        )
        return [one["features"].contiguous().numpy().tobytes() for one in stream]

    store = pickle.loads(pickle.dumps(opened(there, tmp_path)))  # noqa: S301  # written here
    assert batches(store) == batches(local)


def _read(address: str, cache: Path) -> bytes:
    store = open_store(address, cache=cache)
    return batch(store, list(range(len(store)))).tobytes()


def test_processes_share_the_cache(local: Store, there: Bucket, tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    expected = batch(local, list(range(len(local)))).tobytes()
    with spawning.Pool(2) as processes:
        assert set(processes.starmap(_read, [(there.address(), tmp_path)] * 4)) == {expected}
    there.requests.clear()
    assert _read(there.address(), tmp_path) == expected
    assert there.requests["GET"] == 2  # the pointer and the manifest


def _said(store: Store, answers: Any) -> None:
    try:
        store.clip(0)
    except StoreError as error:
        answers.put(str(error))


def test_a_forked_process_is_told_and_does_not_hang(there: Bucket, tmp_path: Path) -> None:
    store = opened(there, tmp_path, cache_bytes=0)
    forking = multiprocessing.get_context("fork")
    answers = forking.Queue()
    process = forking.Process(target=_said, args=(store, answers))
    process.start()
    said = answers.get(timeout=60)
    process.join()
    assert "cannot be read in a process that was forked from one that has; spawn it" in said


class TestFaults:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_what_passes_is_tried_again(self, local: Store, there: Bucket, tmp_path: Path, fault: str) -> None:
        store = opened(there, tmp_path)
        rows = list(range(len(local)))
        for variant in store.variants:
            there.faults.extend([fault] * (FETCHES - 1))
            assert batch(store, rows, variant).tobytes() == batch(local, rows, variant).tobytes()
            assert not there.faults

    @pytest.mark.parametrize("fault", ["drop", "unavailable", "truncate"])
    def test_what_stays_is_one_line(self, there: Bucket, tmp_path: Path, fault: str) -> None:
        store = opened(there, tmp_path, cache_bytes=0)
        there.faults.extend([fault] * 1000)
        with pytest.raises(
            StoreError, match=f"^s3://stores/family/.* cannot be read, after {ATTEMPTS} attempts: "
        ) as told:
            store.clip(0)
        assert "\n" not in str(told.value)
        assert "of nobody" not in str(told.value)

    def test_a_wrong_byte_is_never_given(self, there: Bucket, tmp_path: Path) -> None:
        store = opened(there, tmp_path)
        store.clip(1)
        there.faults.extend(["flip"] * 10)
        with pytest.raises(StoreError, match=r"clip 0 does not match its checksum; remove this object, and push"):
            store.clip(0)

    def test_a_missing_store_an_incomplete_one_and_no_address_are_one_line(self, there: Bucket) -> None:
        for address, message in {
            "s3://stores/none": "s3://stores/none: no complete store: it has no manifest.json",
            "xy://stores": "xy://stores: expected an address of object storage: ",
        }.items():
            with pytest.raises(StoreError, match=f"^{message}"):
                open_store(address)

    def test_nobody_there_is_told_within_seconds(self, monkeypatch: pytest.MonkeyPatch, there: Bucket) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(StoreError, match=r"^s3://stores/family/current.json: cannot be read, after 5 attempts: "):
            open_store(there.address())

    def test_missing_credentials_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def asked(*arguments: Any, **options: Any) -> None:
            raise GenericError(f"Generic S3 error: Error performing PUT http://{METADATA_HOST}/latest/api/token")

        monkeypatch.setattr("obstore.get", asked)
        with pytest.raises(
            StoreError, match=r"there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_K"
        ):
            Objects("s3://stores/family").get("manifest.json")

    def test_a_missing_shard_is_one_line(self, local: Store, there: Bucket, tmp_path: Path) -> None:
        (shard,) = (there.folder / "family" / Path(local.path).name).glob("tensors.zarr/original/c.0.*")
        shard.rename(tmp_path / "away")
        try:
            said = r"^s3://stores/family/.*/original/c\.0\.0\.0\.0: no such object; push or build the store again$"
            with pytest.raises(StoreError, match=said):
                opened(there, tmp_path / "cache").clip(0)
        finally:
            shutil.move(tmp_path / "away", shard)


class TestCache:
    def test_it_stays_within_its_limit_while_all_is_read(self, there: Bucket, local: Store, tmp_path: Path) -> None:
        clip = int(np.prod(local.clip_shape)) * local.dtype.itemsize
        store = opened(there, tmp_path, cache_bytes=20 * clip)
        for _ in range(2):
            assert same(local, store)
        Cache(tmp_path, 20 * clip).sweep()
        sizes = [path.stat().st_blocks * 512 for path in tmp_path.rglob(f"*{SUFFIX}")]
        assert 0 < sum(sizes) <= 20 * clip

    def test_damage_is_noticed_and_mended(self, there: Bucket, local: Store, tmp_path: Path) -> None:
        store = opened(there, tmp_path)
        assert same(local, store)
        assert (len(store.rows), len(store.statistics())) == (len(local), len(local))
        for path in tmp_path.rglob(
            f"*{SUFFIX}"
        ):  # as after a power cut: what says that clips are there is all there is
            data = path.read_bytes()
            path.write_bytes(bytes(len(data) - CLIPS_PER_SHARD) + data[-CLIPS_PER_SHARD:])
        for path in tmp_path.rglob("*.json"):
            path.write_bytes(b"{")
        (rows,) = tmp_path.rglob("rows.parquet")
        rows.write_bytes(b"")
        store = opened(there, tmp_path)
        assert store.rows.equals(local.rows)
        assert np.array_equal(store.statistics(), local.statistics())
        assert same(local, store)

    def test_what_is_removed_while_it_is_open_is_fetched_again(
        self, there: Bucket, local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stores.remote.cache, "LOOK_EVERY_S", 0.0)
        store = opened(there, tmp_path)
        assert same(local, store)
        shutil.rmtree(tmp_path / "stores")
        assert same(local, store)
        assert any(tmp_path.rglob(f"*{SUFFIX}"))

    def test_what_is_announced_and_read_is_held_no_longer(self, there: Bucket, local: Store, tmp_path: Path) -> None:
        store = opened(there, tmp_path)
        rows = list(range(len(local)))
        expected = batch(local, rows, "noise").tobytes()
        with ThreadPoolExecutor(4) as threads:
            for _ in range(4):
                for row in rows:
                    store.announce(row, "noise")
                futures = [threads.submit(batch, store, rows, "noise") for _ in range(4)]
                assert {future.result().tobytes() for future in futures} == {expected}
        readers = [store._clips("noise", file) for file in range(len(store.shards))]
        assert not any(reader._coming for reader in readers)  # type: ignore[attr-defined]

    def test_a_reader_holds_one_file(self, there: Bucket, local: Store, tmp_path: Path) -> None:
        store = opened(there, tmp_path)
        assert same(local, store)
        targets = [os.path.realpath(descriptor) for descriptor in Path("/proc/self/fd").iterdir()]
        held = [target for target in targets if target.startswith(str(tmp_path))]
        assert len(held) == len(set(held)) == len(store.shards) * len(store.variants)

    def test_threads_fill_it_side_by_side(self, there: Bucket, local: Store, tmp_path: Path) -> None:
        store = opened(there, tmp_path)
        expected = batch(local, list(range(len(local)))).tobytes()
        with ThreadPoolExecutor(8) as threads:
            futures = [threads.submit(batch, store, list(range(len(local)))) for _ in range(16)]
            assert {future.result().tobytes() for future in futures} == {expected}


def test_a_local_address_is_read_as_well(local: Store, tmp_path: Path) -> None:
    folder = Path(local.path).parent
    assert same(local, open_store(f"file://{folder}/{Path(local.path).name}", cache=tmp_path))
    assert Objects(f"file://{folder}").sizes()
