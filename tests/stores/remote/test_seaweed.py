"""Stores in SeaweedFS, which checks signatures, and knows multipart uploads and conditional writes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from seaweed import seaweed
from stores_of import random_store

from stores import open_store
from stores.errors import StoreError
from stores.remote.objects import Objects
from stores.remote.transfer import Pull, Push

ADDRESS = "s3://stores/family"


@pytest.fixture(scope="module", autouse=True)
def _seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment, seaweed(tmp_path_factory.mktemp("weed") / "data", environment):
        yield


def test_a_store_there_and_back(tmp_path: Path) -> None:
    local = random_store(tmp_path / "family" / "x", 40, (128, 100, 4), 32)  # shards of 3 MB and more
    assert sum(moved.bytes for moved in Push(Path(local.path), ADDRESS).run()) > 0
    store = open_store(ADDRESS, cache=tmp_path / "cache")
    expected, values = (np.empty((len(local), *local.clip_shape), local.dtype) for _ in range(2))
    rows = np.random.default_rng(0).permutation(len(local)).tolist()
    local.read_batch(rows, ["original"] * len(rows), expected)
    for _ in range(2):
        store.read_batch(rows, ["original"] * len(rows), values)
        assert values.tobytes() == expected.tobytes()
    pull = Pull(ADDRESS, tmp_path / "pulled")
    assert sum(1 for _ in pull.run()) == 2
    assert open_store(tmp_path / "pulled", check=True).clip(7).tobytes() == local.clip(7).tobytes()


def test_one_of_two_creates_an_object() -> None:
    objects = Objects("s3://stores/other")
    assert objects.put("manifest.json", b"first", create=True)
    assert not objects.put("manifest.json", b"second", create=True)
    assert objects.get("manifest.json") == b"first"


def test_a_wrong_key_is_one_line_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong secret")
    with pytest.raises(StoreError, match=r"^s3://stores/family/current\.json: cannot be read: ") as told:
        open_store(ADDRESS)
    assert "wrong secret" not in str(told.value)
