"""Copies of stores to object storage and back: whole, or gone on with, and the manifest last."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from buckets import Bucket, bucket
from stores_of import random_store, small_store
from typed import exit_code

import stores.remote.objects
from stores import Store, open_store
from stores.errors import StoreError
from stores.files import read_json, write_checked
from stores.opening import store_objects
from stores.remote.objects import Objects
from stores.remote.transfer import Pull, Push
from stores.remote.verify import verify_remote
from stores.verify import verify


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr(stores.remote.objects, "PAUSE_S", 0.0)
    with bucket(tmp_path / "bucket", monkeypatch) as here:
        yield here


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("built"))


@pytest.fixture
def local(built: Store, tmp_path: Path) -> Store:
    """A store of the test's own, in a folder of stores with a pointer."""
    family = tmp_path / "family"
    shutil.copytree(Path(built.path).parent, family)
    write_checked(family / "current.json", {"store": Path(built.path).name})
    return open_store(family)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pushed(store: Store, there: Bucket) -> int:
    return sum(moved.bytes for moved in Push(Path(store.path).parent, there.address()).run())


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_there_and_back_is_the_same_store(there: Bucket, tmp_path: Path, compression: Any) -> None:
    local = random_store(tmp_path / "family" / "x", 10, (8, 6, 4), 4, compression)
    assert sum(moved.bytes for moved in Push(Path(local.path), there.address()).run()) > 0
    pull = Pull(there.address(), tmp_path / "pulled")
    assert pull.shards == 3
    assert sum(1 for _ in pull.run()) == 3
    assert tree(pull.path) == tree(Path(local.path))
    assert open_store(tmp_path / "pulled").identity == local.identity
    assert list(Pull(there.address(), tmp_path / "pulled").run()) == []


def test_what_is_there_is_not_sent_again(local: Store, there: Bucket) -> None:
    assert pushed(local, there) > 0
    there.requests.clear()
    assert pushed(local, there) == 0
    assert there.requests["PUT"] <= 3  # the manifest, which is there, and the pointer


def test_a_push_that_is_broken_off_shows_no_store_and_goes_on(local: Store, there: Bucket) -> None:
    push = Push(Path(local.path).parent, there.address())
    shards = push.run()
    next(shards)
    shards.close()
    with pytest.raises(StoreError, match=r"no complete store: it has no manifest\.json"):
        open_store(f"{there.address()}/{Path(local.path).name}")
    before = len(Objects(there.address()).sizes())
    pushed(local, there)
    assert len(Objects(there.address()).sizes()) > before
    assert open_store(there.address(), cache_bytes=0).rows.equals(local.rows)


def test_a_pull_that_is_broken_off_goes_on(local: Store, there: Bucket, tmp_path: Path) -> None:
    pushed(local, there)
    shards = Pull(there.address(), tmp_path / "pulled").run()
    next(shards)
    shards.close()
    with pytest.raises(StoreError):
        open_store(tmp_path / "pulled")
    pull = Pull(there.address(), tmp_path / "pulled")
    assert sum(moved.bytes == 0 for moved in pull.run()) > 0
    assert tree(pull.path) == tree(Path(local.path))
    assert not list(verify(pull.path))


def test_a_damaged_shard_is_not_sent(local: Store, there: Bucket) -> None:
    shard = next(Path(local.path).glob("tensors.zarr/noise/c.1.*"))
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(data)
    with pytest.raises(StoreError, match=r"noise/c\.1\.0\.0\.0: clip 0 does not match its checksum; to mend the store"):
        pushed(local, there)
    with pytest.raises(StoreError, match="no complete store"):
        open_store(f"{there.address()}/{Path(local.path).name}")


def test_a_damaged_object_is_not_taken(local: Store, there: Bucket, tmp_path: Path) -> None:
    pushed(local, there)
    shard = next((there.folder / "family").rglob("tensors.zarr/noise/c.1.*"))
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(data)
    with pytest.raises(
        StoreError, match=r"c\.1\.0\.0\.0: it does not match its checksum; remove this object, and push"
    ):
        list(Pull(there.address(), tmp_path / "pulled").run())
    assert not list(tmp_path.glob("pulled/*/manifest.json"))


def test_another_store_of_that_name_stays(local: Store, there: Bucket) -> None:
    pushed(local, there)
    manifest = next((there.folder / "family").rglob("manifest.json"))
    described = read_json(manifest)
    del described["checksum"]
    write_checked(manifest, described | {"clips": 3})
    with pytest.raises(StoreError, match=r"another store is there; choose another address$"):
        pushed(local, there)
    assert read_json(manifest)["clips"] == 3


def test_verify_names_what_is_missing_and_what_is_damaged(local: Store, there: Bucket) -> None:
    pushed(local, there)
    objects = store_objects(there.address())
    assert list(verify_remote(objects)) == []
    folder = next((there.folder / "family").glob("*/"))
    (folder / "markers" / "pitch" / "2.json").unlink()
    for name in ("tensors.zarr/noise/c.1.0.0.0", "tensors.zarr/statistics/shift/c.0.0.0", "rows.parquet"):
        data = bytearray((folder / name).read_bytes())
        data[5] ^= 1
        (folder / name).write_bytes(data)
    (folder / "markers" / "stretch" / "0.json").write_text("{}")
    assert [line.removeprefix(f"{objects.address}/") for line in verify_remote(objects)] == [
        "markers/pitch/2.json: this object is missing",
        "rows.parquet: it does not match its checksum",
        "tensors.zarr/noise/c.1.0.0.0: it does not match its checksum",
        "tensors.zarr/statistics/shift/c.0.0.0: it does not match its checksum",
        "markers/stretch/0.json: it does not match its checksum",
    ]


def test_the_commands(
    local: Store, there: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = partial(exit_code, monkeypatch)
    family = str(Path(local.path).parent)
    assert typed("push", family, there.address()) == 0
    assert "GB sent; open_store('s3://stores/family') reads it" in capsys.readouterr().out
    assert typed("pull", there.address(), str(tmp_path / "pulled")) == 0
    assert f"{tmp_path}/pulled/{Path(local.path).name}: 0.00 GB received" in capsys.readouterr().out
    assert typed("verify", there.address()) == 0
    assert capsys.readouterr().out == f"{there.address()}/{Path(local.path).name}: whole\n"
    next((there.folder / "family").rglob("c.1.0.0.0")).unlink()
    assert typed("verify", there.address()) == 1
    captured = capsys.readouterr()
    assert captured.out.count("this object is missing") == 1
    assert "1 missing or damaged; remove what is damaged, and push or build again" in captured.err
    assert typed("verify", there.address(), "--repair") == 1
    assert "remove what is damaged, and push or build the store again" in capsys.readouterr().err
    assert typed("push", family, "folder") == 1
    assert capsys.readouterr().err == "otogura: folder: expected an address such as s3://bucket/folder\n"
    assert typed("pull", "s3://stores/none", str(tmp_path / "other")) == 1
    assert capsys.readouterr().err == "otogura: s3://stores/none: no complete store: it has no manifest.json\n"
