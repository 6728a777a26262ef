"""Writing a store: the files of the layout, resumed where it was left, and as the zarr library reads them."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import zarr
from corpora import tree
from lettered_stores import SHAPE, rows, spec, statistics, values, write

from stores import open_store
from stores.codec import Compression
from stores.files import PARTIAL_SUFFIX, digest, read_checked
from stores.layout import Layout
from stores.shard_writing import writing_shard
from stores.writer import StoreWriter


@pytest.mark.parametrize("compression", [None, *get_args(Compression)])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("contents", ["a", "abcd", "abcdefghij"])
def test_zarr_and_the_reader_agree(tmp_path: Path, contents: str, dtype: str, compression: Compression | None) -> None:
    write(
        tmp_path / "s", contents, [spec(variant, dtype, compression=compression) for variant in ("original", "noise")]
    )
    store = open_store(tmp_path / "s")
    uncached = open_store(tmp_path / "s", direct=True, check=True)
    group = zarr.open_group(tmp_path / "s" / "tensors.zarr", mode="r")
    assert sorted(group.array_keys()) == ["noise", "original"]
    assert len(store) == len(contents)
    for variant in ("original", "noise"):
        array = group[variant]
        assert array.shape == (len(contents), *SHAPE)
        assert array.dtype == dtype
        assert array.metadata.dimension_names == ("clip", "row", "frame", "channel")
        for row, content in enumerate(contents):
            expected = values(content, variant, dtype)
            np.testing.assert_array_equal(array[row], expected)
            np.testing.assert_array_equal(store.clip(row, variant), expected)
            np.testing.assert_array_equal(uncached.clip(row, variant), expected)
        np.testing.assert_array_equal(group["statistics"][variant][:], store.statistics(variant))
        np.testing.assert_array_equal(store.statistics(variant)[-1], statistics(contents[-1]))


def test_what_is_missing_reads_as_nan_in_zarr(tmp_path: Path) -> None:
    write(tmp_path / "s", "abcdefgh", [spec()], shards={1})
    array = zarr.open_group(tmp_path / "s" / "tensors.zarr", mode="r")["original"]
    assert np.isnan(array[0]).all()
    np.testing.assert_array_equal(array[5], values("f", "original"))


def test_everything_lies_where_the_layout_says(tmp_path: Path) -> None:
    write(tmp_path / "s", "abcdef", [spec()])
    files = tree(tmp_path / "s")
    assert list(files) == [
        "manifest.json",
        "markers/original/0.json",
        "markers/original/1.json",
        "rows.parquet",
        "tensors.zarr/original/c.0.0.0.0",
        "tensors.zarr/original/c.1.0.0.0",
        "tensors.zarr/original/zarr.json",
        "tensors.zarr/statistics/original/c.0.0.0",
        "tensors.zarr/statistics/original/c.1.0.0",
        "tensors.zarr/statistics/original/zarr.json",
        "tensors.zarr/statistics/zarr.json",
        "tensors.zarr/zarr.json",
    ]
    described = {name: digest(data) for name, data in files.items() if name.endswith(("zarr.json", "rows.parquet"))}
    assert read_checked(tmp_path / "s" / "manifest.json")["files"] == described


def test_a_shard_is_missing_without_all_of_its_files_or_where_it_is_to_be_redone(tmp_path: Path) -> None:
    writer = write(tmp_path / "s", "abcdefgh", [spec(), spec("noise")])
    assert writer.complete
    assert writer.missing([("noise", 1), ("original", 2)]) == {1: ["noise"]}
    chunk = writer.layout.statistics_chunk(spec("noise"), 0)
    chunk.write_bytes(chunk.read_bytes()[:-1])
    writer.layout.shard(spec(), 1).unlink()
    assert writer.missing() == {0: ["noise"], 1: ["original"]}
    chunk.unlink()
    assert writer.missing() == {0: ["noise"], 1: ["original"]}
    assert not writer.complete


def test_resuming_writes_what_is_missing_and_gives_the_same_tree(tmp_path: Path) -> None:
    specs = [spec(), spec("noise")]
    write(tmp_path / "whole", "abcdefghij", specs)
    write(tmp_path / "s", "abcdefghij", specs, shards={1})
    first = Layout(tmp_path / "s").shard(spec("noise"), 1).stat()
    (tmp_path / "s" / "tensors.zarr" / "noise" / f"c.0.0.0.0.abcd{PARTIAL_SUFFIX}").write_bytes(b"half")
    write(tmp_path / "s", "abcdefghij", specs)
    second = Layout(tmp_path / "s").shard(spec("noise"), 1).stat()
    assert (first.st_ino, first.st_mtime_ns) == (second.st_ino, second.st_mtime_ns)
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")


def test_an_error_leaves_no_shard_and_no_leftover(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "s", [spec()], list("abc"))
    writer.prepare(rows("abc"), {})
    before = tree(tmp_path / "s")

    def fail_midway() -> None:
        with writing_shard(writer.layout, [spec()], 0, ["a", "b", "c"]) as shards:
            shards["original"].append(values("a", "original"), statistics("a"))
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert tree(tmp_path / "s") == before
    assert writer.missing() == {0: ["original"]}
