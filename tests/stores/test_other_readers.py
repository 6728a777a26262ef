"""Software that knows nothing of otogura reads a store as a plain Zarr v3 array."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tensorstore
import zarr
from stores_of import random_store

from stores import Store
from stores.codec import Compression


@pytest.fixture(scope="module", params=[None, *get_args(Compression)])
def store(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Store:
    """Two whole shards and a part of one."""
    return random_store(tmp_path_factory.mktemp("store") / "s", 10, (8, 6, 4), 4, request.param)


def array(store: Store) -> Path:
    return store.path / "tensors.zarr" / "original"


@pytest.mark.parametrize("pipeline", ["zarr.core.codec_pipeline.BatchedCodecPipeline", "zarrs.ZarrsCodecPipeline"])
def test_zarr_python_and_zarrs(store: Store, pipeline: str) -> None:
    with zarr.config.set({"codec_pipeline.path": pipeline}):
        found = zarr.open_array(array(store), mode="r")[:]
    np.testing.assert_array_equal(found, np.stack([store.clip(row) for row in range(10)]))


def test_tensorstore(store: Store) -> None:
    kvstore = {"driver": "file", "path": f"{array(store)}/"}
    found = tensorstore.open({"driver": "zarr3", "kvstore": kvstore}, read=True).result()
    assert found.domain.labels == ("clip", "row", "frame", "channel")
    np.testing.assert_array_equal(found.read().result(), np.stack([store.clip(row) for row in range(10)]))
