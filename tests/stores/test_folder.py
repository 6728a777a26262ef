"""Reading the parts of a store in a folder, and the errors of damaged ones."""

from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
from lettered_stores import rows, spec, values, write

from stores import open_store
from stores.codec import Compression
from stores.errors import StoreError
from stores.layout import Layout
from stores.positioned import File
from stores.shard import index_places


def test_clips_are_views_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "s", "abc", [spec()])
    clip = open_store(tmp_path / "s").clip(1)
    assert not clip.flags.writeable
    assert not clip.flags.owndata


@pytest.mark.parametrize(
    ("row", "variant", "expected"),
    [
        (-1, "original", "no row -1; there are 3 clips"),
        (3, "original", "no row 3; there are 3 clips"),
        (0, "reverb", "no variant 'reverb'; there are original"),
    ],
)
def test_what_a_store_does_not_hold_is_an_error(tmp_path: Path, row: int, variant: str, expected: str) -> None:
    write(tmp_path / "s", "abc", [spec()])
    store = open_store(tmp_path / "s")
    with pytest.raises(StoreError, match=expected):
        store.clip(row, variant)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("compression", get_args(Compression))
def test_compressed_clips_are_checked_as_they_are_stored(tmp_path: Path, compression: Compression, check: bool) -> None:
    packed = spec(compression=compression)
    write(tmp_path / "s", "abc", [packed])
    shard = Layout(tmp_path / "s").shard(packed, 0)
    data = bytearray(shard.read_bytes())
    first = index_places(File(shard), packed, 3)[0, 1]
    data[:first] = b"\xff" * first
    shard.write_bytes(data)
    store = open_store(tmp_path / "s", check=check)
    np.testing.assert_array_equal(store.clip(1), values("b", "original"))
    with pytest.raises(StoreError, match="clip 0 does not match its checksum" if check else "cannot be decompressed"):
        store.clip(0)


@pytest.mark.parametrize("check", [True, False])
def test_statistics_that_were_cut_short_or_changed_are_damage(tmp_path: Path, check: bool) -> None:
    write(tmp_path / "s", "abcdefgh", [spec()])
    chunk = Layout(tmp_path / "s").statistics_chunk(spec(), 0)
    data = chunk.read_bytes()
    chunk.write_bytes(data[: len(data) // 2])  # the next shard's must not slip into its place
    with pytest.raises(StoreError, match=r"c\.0\.0\.0: expected 320 bytes, found 160"):
        open_store(tmp_path / "s", check=check).statistics()
    chunk.write_bytes(data[:-1] + b"x")
    if check:
        with pytest.raises(StoreError, match="does not match its checksum"):
            open_store(tmp_path / "s", check=True).statistics()


def test_a_row_table_that_changed_is_damage(tmp_path: Path) -> None:
    write(tmp_path / "s", "abcd", [spec()])
    pq.write_table(rows("abdc"), tmp_path / "s" / "rows.parquet")
    with pytest.raises(StoreError, match=r"rows\.parquet: it does not match its checksum"):
        open_store(tmp_path / "s").rows  # noqa: B018  # reading it is what fails
