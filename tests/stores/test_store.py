"""The contract of a store: what other software sees, what a reader refuses, and what is used again."""

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from corpora import tree

from stores import Store, open_store
from stores.codec import Compression
from stores.errors import StoreError
from stores.files import PARTIAL_SUFFIX, replacing, write_checked, write_json
from stores.layout import ArraySpec, Layout
from stores.positioned import File
from stores.reuse import Pool
from stores.shard import index_places
from stores.verify import verify
from stores.writer import StoreWriter, writing_shard

SHAPE = (4, 6, 2)


def spec(
    variant: str = "original",
    dtype: str = "float16",
    clips_per_shard: int = 4,
    compression: Compression | None = None,
) -> ArraySpec:
    packing: dict[str, Any] = {"clips_per_shard": clips_per_shard, "compression": compression}
    attributes = {"identity": f"identity of {variant}", **packing}
    dimensions = ("row", "frame", "channel")
    return ArraySpec(variant, f"identity of {variant}", SHAPE, dimensions, 5, dtype, attributes=attributes, **packing)


def values(content: str, variant: str, dtype: str = "float16") -> np.ndarray:
    """Any tensor that depends on the recording and the variant."""
    rng = np.random.default_rng([ord(letter) for letter in content + variant])
    return rng.standard_normal(SHAPE).astype(dtype)


def statistics(content: str) -> np.ndarray:
    return np.arange(10.0).reshape(5, 2) + ord(content[0])


def rows(contents: str) -> pa.Table:
    columns = {"id": [f"{c}.wav" for c in contents], "label": ["x"] * len(contents), "content_hash": list(contents)}
    return pa.table(columns)


def write(path: Path, contents: str, specs: list[ArraySpec], shards: set[int] | None = None) -> StoreWriter:
    writer = StoreWriter(path, specs, list(contents))
    writer.prepare(rows(contents), {})
    for shard, variants in writer.missing().items():
        if shards is not None and shard not in shards:
            continue
        hashes = writer.shard_hashes(shard)
        with writing_shard(writer.layout, [writer.specs[v] for v in variants], shard, hashes) as opened:
            for content in hashes:
                for variant in variants:
                    opened[variant].append(values(content, variant, specs[0].dtype), statistics(content))
    if not writer.missing():
        writer.finish(manifest(contents, specs))
    return writer


def manifest(contents: str, specs: list[ArraySpec]) -> dict[str, Any]:
    return {
        "identity": "x",
        "variants": [s.variant for s in specs],
        "clips": len(contents),
        "identities": {s.variant: s.identity for s in specs},
        "shape": [len(contents), *SHAPE],
        "dimensions": ["clip", *specs[0].dimensions],
        "statistics": list("abcde"),
        "dtype": specs[0].dtype,
        "clips_per_shard": specs[0].clips_per_shard,
        "compression": specs[0].compression,
    }


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


def test_clips_are_views_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "s", "abc", [spec()])
    clip = open_store(tmp_path / "s").clip(1)
    assert not clip.flags.writeable
    assert not clip.flags.owndata


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


@pytest.mark.parametrize(("row", "variant"), [(-1, "original"), (3, "original"), (0, "reverb")])
def test_what_a_store_does_not_hold_is_an_error(tmp_path: Path, row: int, variant: str) -> None:
    write(tmp_path / "s", "abc", [spec()])
    with pytest.raises(StoreError, match=r"no (row|variant)"):
        open_store(tmp_path / "s").clip(row, variant)


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
            open_store(tmp_path / "s").clip(7)
    shard.unlink(missing_ok=True)
    whole = write(tmp_path / "whole", "abcdefgh", [packed])
    write(tmp_path / "s", "abcdefgh", [packed])
    assert tree(tmp_path / "s") == tree(whole.layout.path)


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


class TestReuse:
    def test_whole_shards_are_linked_even_from_an_incomplete_store(self, tmp_path: Path) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "abcdefghij", [spec()], shards={0, 1})
        new = StoreWriter(tmp_path / "stores" / "f" / "new", [spec()], list("abcdefghijk"))
        new.prepare(rows("abcdefghijk"), {})
        pool = Pool(tmp_path / "stores", spec())
        assert [pool.link(new.layout, shard, new.shard_hashes(shard)) for shard in range(3)] == [True, True, False]
        assert old.layout.shard(spec(), 0).samefile(new.layout.shard(spec(), 0))
        assert new.missing() == {2: ["original"]}

    def test_single_clips_are_found_by_content(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcdefghij", [spec()])
        found = Pool(tmp_path / "stores", spec()).find(["j", "nothing", "c"])
        assert found[1] is None
        for place, content in ((0, "j"), (2, "c")):
            held = found[place]
            assert held is not None
            read, pair = held.read()
            np.testing.assert_array_equal(read, values(content, "original"))
            np.testing.assert_array_equal(pair, statistics(content))

    @pytest.mark.parametrize("ours", [None, "zstd"])
    @pytest.mark.parametrize("theirs", [None, "blosc"])
    def test_clips_are_found_however_they_are_compressed(
        self, tmp_path: Path, ours: Compression | None, theirs: Compression | None
    ) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcd", [spec(compression=theirs)])
        pool = Pool(tmp_path / "stores", spec(compression=ours))
        (held,) = pool.find(["c"])
        assert held is not None
        np.testing.assert_array_equal(held.read()[0], values("c", "original"))
        new = StoreWriter(tmp_path / "stores" / "f" / "new", [spec(compression=ours)], list("abcd"))
        new.prepare(rows("abcd"), {})
        assert pool.link(new.layout, 0, list("abcd")) == (ours == theirs)

    def test_another_identity_is_not_used(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        assert Pool(tmp_path / "stores", spec("noise")).find(["a"]) == [None]

    def test_a_damaged_clip_is_not_copied(self, tmp_path: Path) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        shard = old.layout.shard(spec(), 0)
        data = bytearray(shard.read_bytes())
        data[0] ^= 1
        shard.write_bytes(data)
        (held,) = Pool(tmp_path / "stores", spec()).find(["a"])
        assert held is not None
        with pytest.raises(StoreError, match="checksum"):
            held.read()

    def test_damaged_statistics_are_not_copied(self, tmp_path: Path) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        chunk = old.layout.statistics_chunk(spec(), 0)
        chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
        (held,) = Pool(tmp_path / "stores", spec()).find(["a"])
        assert held is not None
        with pytest.raises(StoreError, match="checksum"):
            held.read()

    def test_linking_again_after_a_kill_leaves_nothing_behind(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        new = StoreWriter(tmp_path / "stores" / "f" / "new", [spec()], list("abcd"))
        new.prepare(rows("abcd"), {})
        for _ in range(2):
            assert Pool(tmp_path / "stores", spec()).link(new.layout, 0, list("abcd"))
            new.layout.marker("original", 0).unlink()
        assert not list(tmp_path.rglob("*" + PARTIAL_SUFFIX))

    def test_the_old_store_stays_when_the_new_one_goes(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        new = StoreWriter(tmp_path / "stores" / "f" / "new", [spec()], list("abcd"))
        new.prepare(rows("abcd"), {})
        Pool(tmp_path / "stores", spec()).link(new.layout, 0, list("abcd"))
        shutil.rmtree(tmp_path / "stores" / "f" / "new")
        np.testing.assert_array_equal(open_store(tmp_path / "stores" / "f" / "old").clip(0), values("a", "original"))


def test_an_unchanged_file_is_left_untouched(tmp_path: Path) -> None:
    assert write_json(tmp_path / "x.json", {"a": 1})
    before = (tmp_path / "x.json").stat().st_mtime_ns
    assert not write_json(tmp_path / "x.json", {"a": 1})
    assert (tmp_path / "x.json").stat().st_mtime_ns == before
    assert write_json(tmp_path / "x.json", {"a": 2})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 2}


def test_replacing_keeps_the_old_file_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"new")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


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


def test_a_store_says_what_it_is(tmp_path: Path) -> None:
    write(tmp_path / "s", "abc", [spec()])
    assert repr(Store(tmp_path / "s")).endswith("3 clips × 1 variants of (4, 6, 2))")
