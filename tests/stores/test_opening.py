"""Opening a store: complete ones only, and with the name of a damaged shard."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from corpora import tree
from lettered_stores import spec, values, write

from stores import open_store
from stores.codec import Compression
from stores.errors import StoreError
from stores.files import write_checked
from stores.layout import Layout
from stores.verify import verify


def test_an_incomplete_store_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "s", "abcdefgh", [spec()], shards={0})
    with pytest.raises(StoreError, match="expected a complete store"):
        open_store(tmp_path / "s")


def test_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such store"):
        open_store(tmp_path / "nowhere")


def test_the_pointer_leads_to_the_current_store(tmp_path: Path) -> None:
    write(tmp_path / "family" / "x", "abc", [spec()])
    write_checked(tmp_path / "family" / "current.json", {"store": "x"})
    assert open_store(tmp_path / "family").path == tmp_path / "family" / "x"


@pytest.mark.parametrize("compression", [None, *get_args(Compression)])
@pytest.mark.parametrize("damage", ["truncated", "emptied", "missing", "flipped index"])
def test_a_damaged_shard_is_named(tmp_path: Path, damage: str, compression: Compression | None) -> None:
    packed = spec(compression=compression)
    write(tmp_path / "s", "abcdefgh", [packed])
    shard = Layout(tmp_path / "s").shard(packed, 1)
    data = bytearray(shard.read_bytes())
    if damage == "missing":
        shard.unlink()
    elif damage == "flipped index":
        data[-10] ^= 1
        shard.write_bytes(data)
    else:
        shard.write_bytes(data[: len(data) // 2] if damage == "truncated" else b"")
    if damage == "flipped index" and compression is None:  # nobody needs it to find clips of one size
        np.testing.assert_array_equal(open_store(tmp_path / "s").clip(7), values("h", "original"))
        assert [found.path for found in verify(tmp_path / "s")] == [shard]
    else:
        with pytest.raises(StoreError, match=r"c\.1\.0\.0\.0.*verify --repair"):
            open_store(tmp_path / "s")
    shard.unlink(missing_ok=True)
    whole = write(tmp_path / "whole", "abcdefgh", [packed])
    write(tmp_path / "s", "abcdefgh", [packed])
    assert tree(tmp_path / "s") == tree(whole.layout.path)


def test_a_store_says_what_it_is(tmp_path: Path) -> None:
    write(tmp_path / "s", "abc", [spec()])
    assert repr(open_store(tmp_path / "s")).endswith("3 clips × 1 variants of (4, 6, 2))")
