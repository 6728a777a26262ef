"""The contract of a store: what other software sees, what a reader refuses, and what is used again."""

import json
import os
import shutil
import string
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from corpora import tree

from stores import open_store
from stores.codec import Compression
from stores.errors import StoreError
from stores.files import PARTIAL_SUFFIX, digest, read_checked, replacing, write_checked, write_json
from stores.layout import ArraySpec, Layout
from stores.markers import differences, distinct
from stores.positioned import File
from stores.reuse import HeldClip, Pool
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


def test_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such store"):
        open_store(tmp_path / "nowhere")


def test_the_pointer_leads_to_the_current_store(tmp_path: Path) -> None:
    write(tmp_path / "family" / "x", "abc", [spec()])
    write_checked(tmp_path / "family" / "current.json", {"store": "x"})
    assert open_store(tmp_path / "family").path == tmp_path / "family" / "x"


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


def new_store(path: Path, contents: str, packed: ArraySpec) -> StoreWriter:
    """A store that holds nothing yet."""
    writer = StoreWriter(path, [packed], list(contents))
    writer.prepare(rows(contents), {})
    return writer


def found(stores: Path, packed: ArraySpec, contents: str) -> list[HeldClip | None]:
    """Find the clips that a store of these recordings can copy."""
    writer = StoreWriter(stores / "f" / "wanted", [packed], list(contents))
    copies = Pool(stores, [packed]).find(writer, {shard: [packed.variant] for shard in range(len(writer.shards))})
    return [clip for shard, rows in enumerate(writer.shards) for clip in copies.of(packed.variant, shard, len(rows))]


class TestReuse:
    def test_whole_shards_are_linked_even_from_an_incomplete_store(self, tmp_path: Path) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "abcdefghij", [spec()], shards={0, 1})
        new = new_store(tmp_path / "stores" / "f" / "new", "abcdefghijk", spec())
        Pool(tmp_path / "stores", [spec()]).link(new)
        assert old.layout.shard(spec(), 0).samefile(new.layout.shard(spec(), 0))
        assert new.missing() == {2: ["original"]}

    def test_a_shard_is_linked_wherever_it_stands_there(self, tmp_path: Path) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "axyzabcdefgh", [spec()])
        new = new_store(tmp_path / "stores" / "f" / "new", "abcdaxyz", spec())
        Pool(tmp_path / "stores", [spec()]).link(new)
        assert old.layout.shard(spec(), 1).samefile(new.layout.shard(spec(), 0))
        assert old.layout.shard(spec(), 0).samefile(new.layout.shard(spec(), 1))
        assert not new.missing()

    def test_single_clips_are_found_by_content(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcdefghij", [spec()])
        held = found(tmp_path / "stores", spec(), "jzc")
        assert held[1] is None
        for place, content in ((0, "j"), (2, "c")):
            clip = held[place]
            assert clip is not None
            read, pair, _ = clip.read()
            np.testing.assert_array_equal(read, values(content, "original"))
            np.testing.assert_array_equal(pair, statistics(content))

    def test_clips_are_found_in_several_stores_where_their_shards_are_finished(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "1", "abcdefgh", [spec()], shards={1})
        write(tmp_path / "stores" / "f" / "2", "abcxgy", [spec()])
        held = [
            None if clip is None else clip.shard.layout.path.name for clip in found(tmp_path / "stores", spec(), "agyz")
        ]
        assert held == ["2", "1", "2", None]

    @pytest.mark.parametrize("ours", [None, "zstd"])
    @pytest.mark.parametrize("theirs", [None, *get_args(Compression)])
    def test_clips_are_found_however_they_are_compressed(
        self, tmp_path: Path, ours: Compression | None, theirs: Compression | None
    ) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcd", [spec(compression=theirs)])
        (held,) = found(tmp_path / "stores", spec(compression=ours), "c")
        assert held is not None
        np.testing.assert_array_equal(held.read()[0], values("c", "original"))
        new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec(compression=ours))
        Pool(tmp_path / "stores", [spec(compression=ours)]).link(new)
        assert (not new.missing()) == (ours == theirs)

    def test_another_identity_is_not_used(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        assert found(tmp_path / "stores", spec("noise"), "a") == [None]

    def test_an_array_of_another_name_and_size_of_shards_is_used(self, tmp_path: Path) -> None:
        named = replace(spec(clips_per_shard=2), variant="named", attributes={"identity": spec().identity})
        named.attributes["clips_per_shard"] = 2
        write(tmp_path / "stores" / "f" / "old", "abcde", [spec("noise", clips_per_shard=2), named])
        held = found(tmp_path / "stores", spec(), "zed")
        places = ["" if clip is None else f"{clip.shard.spec.variant} {clip.shard.shard}.{clip.slot}" for clip in held]
        assert places == ["", "named 2.0", "named 1.1"]
        assert held[1] is not None
        np.testing.assert_array_equal(held[1].read()[0], values("e", "named"))
        alike = spec(clips_per_shard=2)
        new = new_store(tmp_path / "stores" / "f" / "new", "cdab", alike)
        Pool(tmp_path / "stores", [alike]).link(new)
        assert not new.missing()
        assert new.layout.shard(alike, 0).samefile(Layout(tmp_path / "stores" / "f" / "old").shard(named, 1))

    def test_of_several_variants_each_is_taken_from_where_it_is(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "1", "abcd", [spec("noise")])
        write(tmp_path / "stores" / "f" / "2", "abcdefgh", [spec()])
        both = [spec(), spec("noise")]
        new = StoreWriter(tmp_path / "stores" / "f" / "new", both, list("efghijklabcz"))
        new.prepare(rows("efghijklabcz"), {})
        pool = Pool(tmp_path / "stores", both)
        pool.link(new)
        missing = new.missing()
        assert missing == {0: ["noise"], 1: ["original", "noise"], 2: ["original", "noise"]}
        copies = pool.find(new, missing)
        held = {(variant, shard): copies.of(variant, shard, 4) for shard, lacks in missing.items() for variant in lacks}
        for (variant, shard), clips in held.items():
            assert [clip is not None for clip in clips] == [shard == 2] * 3 + [False], (variant, shard)
            for content, clip in zip(new.shard_hashes(shard), clips, strict=True):
                if clip is not None:
                    np.testing.assert_array_equal(clip.read()[0], values(content, variant))

    def test_clips_of_finished_shards_alone_are_found_beside_those_of_others(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcdefghij", [spec()], shards={0, 2})
        held = found(tmp_path / "stores", spec(), "jaebzfic")
        places = ["" if clip is None else f"{clip.shard.shard}.{clip.slot}" for clip in held]
        assert places == ["2.1", "0.0", "", "0.1", "", "", "2.0", "0.2"]

    def test_of_three_stores_the_first_that_holds_a_clip_is_used(self, tmp_path: Path) -> None:
        for name, contents in (("1", "abc"), ("2", "bcde"), ("3", "aefg")):
            write(tmp_path / "stores" / "f" / name, contents, [spec()])
        held = found(tmp_path / "stores", spec(), "gfedcba")
        assert "".join(clip.shard.layout.path.name for clip in held if clip is not None) == "3322111"
        for content, clip in zip("gfedcba", held, strict=True):
            assert clip is not None
            np.testing.assert_array_equal(clip.read()[0], values(content, "original"))

    @pytest.mark.parametrize("damage", ["array", "attributes", "row table", "no rows"])
    def test_a_damaged_store_does_not_keep_others_from_being_used(self, tmp_path: Path, damage: str) -> None:
        bad = write(tmp_path / "stores" / "f" / "1", "abcd", [spec()]).layout
        metadata = bad.group / "original" / "zarr.json"
        if damage == "array":
            metadata.write_text("{")
        elif damage == "attributes":
            metadata.write_text(json.dumps({"attributes": {"identity": spec().identity}}))
        elif damage == "row table":
            bad.rows.write_bytes(b"PAR1")
        else:
            pq.write_table(rows("abcd").slice(0, 0), bad.rows)
        good = write(tmp_path / "stores" / "f" / "2", "abcd", [spec()]).layout
        (held,) = found(tmp_path / "stores", spec(), "b")
        assert held is not None
        assert held.shard.layout == good
        new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())
        Pool(tmp_path / "stores", [spec()]).link(new)
        assert new.layout.shard(spec(), 0).samefile(good.shard(spec(), 0))

    @pytest.mark.parametrize("first", ["compressed", "of others", "without a file", "whole"])
    def test_a_shard_is_linked_from_the_first_store_that_can_give_it(self, tmp_path: Path, first: str) -> None:
        packed = spec(compression="zstd" if first == "compressed" else None)
        one = write(tmp_path / "stores" / "f" / "1", "abdc" if first == "of others" else "abcd", [packed]).layout
        if first == "without a file":
            one.statistics_chunk(spec(), 0).unlink()
        two = write(tmp_path / "stores" / "f" / "2", "abcd", [spec()]).layout
        new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())
        Pool(tmp_path / "stores", [spec()]).link(new)
        assert not new.missing()
        giver = one if first == "whole" else two
        assert new.layout.shard(spec(), 0).samefile(giver.shard(spec(), 0))
        assert new.layout.statistics_chunk(spec(), 0).samefile(giver.statistics_chunk(spec(), 0))

    def test_a_damaged_clip_is_not_copied(self, tmp_path: Path) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        shard = old.layout.shard(spec(), 0)
        data = bytearray(shard.read_bytes())
        data[0] ^= 1
        shard.write_bytes(data)
        (held,) = found(tmp_path / "stores", spec(), "a")
        assert held is not None
        with pytest.raises(StoreError, match=f"^{shard}: clip 0 does not match its checksum; to mend"):
            held.read()

    def test_damaged_statistics_are_not_copied(self, tmp_path: Path) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        chunk = old.layout.statistics_chunk(spec(), 0)
        chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
        (held,) = found(tmp_path / "stores", spec(), "a")
        assert held is not None
        with pytest.raises(StoreError, match=f"^{chunk}: it does not match its checksum; to mend"):
            held.read()

    @pytest.mark.parametrize("gone", ["marker", "shard", "store"])
    def test_a_store_that_is_removed_meanwhile_is_not_used(self, tmp_path: Path, gone: str) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "abcdefgh", [spec()])
        new = new_store(tmp_path / "stores" / "f" / "new", "abcdefgh", spec())
        pool = Pool(tmp_path / "stores", [spec()])
        if gone == "store":
            shutil.rmtree(old.layout.path)
        else:
            (old.layout.marker("original", 0) if gone == "marker" else old.layout.shard(spec(), 0)).unlink()
        pool.link(new)
        lacking = {0: ["original"], 1: ["original"]} if gone == "store" else {0: ["original"]}
        assert new.missing() == lacking
        copies = pool.find(new, new.missing())
        for clip in copies.of("original", 0, 4):
            if clip is not None:
                with pytest.raises(StoreError, match="missing"):
                    clip.read()

    def test_a_store_that_is_removed_while_a_shard_is_linked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())

        def link(source: Path, target: Path) -> None:
            os.link(source, target)
            old.layout.marker("original", 0).unlink(missing_ok=True)

        monkeypatch.setattr("stores.reuse.os", SimpleNamespace(link=link))
        Pool(tmp_path / "stores", [spec()]).link(new)
        assert not new.missing()
        new.finish(manifest("abcd", [spec()]))
        assert not list(verify(new.layout.path))

    def test_only_what_is_wanted_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of two stores of many shards, the markers of those that hold something wanted."""
        many = string.ascii_letters
        for name, contents in (("1", many), ("2", many[::-1])):
            write(tmp_path / "stores" / "f" / name, contents, [spec()])
        read = []

        def read_marker(path: Path) -> dict[str, Any]:
            read.append(path)
            return read_checked(path)

        monkeypatch.setattr("stores.markers.read_checked", read_marker)
        held = found(tmp_path / "stores", spec(), many[40:43])
        assert [clip is not None for clip in held] == [True] * 3
        assert len(read) == 1

    def test_linking_again_after_a_kill_leaves_nothing_behind(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())
        for _ in range(2):
            Pool(tmp_path / "stores", [spec()]).link(new)
            assert not new.missing()
            new.layout.marker("original", 0).unlink()
        assert not list(tmp_path.rglob("*" + PARTIAL_SUFFIX))

    def test_the_old_store_stays_when_the_new_one_goes(self, tmp_path: Path) -> None:
        write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
        new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())
        Pool(tmp_path / "stores", [spec()]).link(new)
        shutil.rmtree(new.layout.path)
        np.testing.assert_array_equal(open_store(tmp_path / "stores" / "f" / "old").clip(0), values("a", "original"))


class TestPromises:
    """What a marker says of a shard's bytes holds when the shard is written again."""

    OLD, NEW = {"packages": {"soxr": "0.5"}, "cpu": "A"}, {"packages": {"soxr": "1.0"}, "cpu": "A"}

    def shard(self, writer: StoreWriter, change: int, environment: Any, **options: bool) -> None:
        hashes = writer.shard_hashes(0)
        with writing_shard(writer.layout, [spec()], 0, hashes, **options) as opened:
            for content in hashes:
                opened["original"].append(values(content, "original") + change, statistics(content), [environment])

    @pytest.fixture
    def writer(self, tmp_path: Path) -> StoreWriter:
        writer = new_store(tmp_path / "s", "abcd", spec())
        self.shard(writer, 0, self.OLD)
        writer.finish(manifest("abcd", [spec()]))
        return writer

    def test_other_bytes_are_refused_with_the_reason_and_a_way_out(self, writer: StoreWriter) -> None:
        before = tree(writer.layout.path)
        with pytest.raises(StoreError, match=r"clips 0, 1, 2, 3.*soxr was 0\.5, is 1\.0.*--accept-new-bytes"):
            self.shard(writer, 1, self.NEW)
        with pytest.raises(StoreError, match="by the same versions on the same processor"):
            self.shard(writer, 1, self.OLD)
        assert tree(writer.layout.path) == before

    def test_all_versions_that_differ_are_named(self) -> None:
        one, other = {"packages": {"soxr": "0.5", "numpy": "2"}}, {"packages": {"soxr": "0.6", "numpy": "2"}}
        new = {"packages": {"soxr": "1.0", "numpy": "2"}, "processor": "Zen"}
        assert differences([one, other], [new]) == "processor was not recorded, is Zen, soxr was 0.5 or 0.6, is 1.0"
        assert differences([new], [one]) == "processor was Zen, is not recorded, soxr was 1.0, is 0.5"
        assert differences([one], [one]) == "by the same versions on the same processor"
        assert differences([one, None], [new]) == "its marker does not say with which versions"
        assert differences([], [None, one]) == "numpy was not recorded, is 2, soxr was not recorded, is 0.5"
        assert differences([one], [None]) == "numpy was 2, is not recorded, soxr was 0.5, is not recorded"

    def test_the_same_bytes_by_other_versions_are_fine_and_all_are_listed(self, writer: StoreWriter) -> None:
        self.shard(writer, 0, self.NEW)
        writer.finish(manifest("abcd", [spec()]))
        store = open_store(writer.layout.path)
        assert store.manifest["written_with"] == [self.NEW]
        assert store.identity == "x"

    def test_accepted_bytes_are_another_store(self, writer: StoreWriter) -> None:
        self.shard(writer, 1, self.NEW, accept_new_bytes=True)
        writer.finish(manifest("abcd", [spec()]))
        first = open_store(writer.layout.path).identity
        assert first.startswith("x-")
        self.shard(writer, 1, self.NEW)
        writer.finish(manifest("abcd", [spec()]))
        assert open_store(writer.layout.path).identity == first
        self.shard(writer, 2, self.NEW, accept_new_bytes=True)
        writer.finish(manifest("abcd", [spec()]))
        second = open_store(writer.layout.path).identity
        assert second not in ("x", first)
        assert len(second) == len("x-") + 8
        assert not list(verify(writer.layout.path))

    def test_accepted_bytes_that_are_linked_are_the_first_ones_of_the_other_store(
        self, writer: StoreWriter, tmp_path: Path
    ) -> None:
        self.shard(writer, 1, self.NEW, accept_new_bytes=True)
        other = new_store(tmp_path / "f" / "stores" / "new", "abcd", spec())
        (tmp_path / "f" / "stores" / "s").symlink_to(writer.layout.path)
        Pool(tmp_path / "f", [spec()]).link(other)
        accepted, linked = (read_checked(one.layout.marker("original", 0)) for one in (writer, other))
        assert accepted == linked | {"accepted": True}
        other.finish(manifest("abcd", [spec()]))
        assert open_store(other.layout.path).identity == "x"
        # A shard that is lost and linked again stays accepted.
        writer.layout.shard(spec(), 0).unlink()
        Pool(tmp_path / "f", [spec()]).link(writer)
        assert writer.layout.shard(spec(), 0).samefile(other.layout.shard(spec(), 0))
        assert read_checked(writer.layout.marker("original", 0)) == accepted

    def test_without_a_promise_any_bytes_are_as_promised(self, writer: StoreWriter) -> None:
        other = new_store(writer.layout.path.with_name("other"), "abcd", spec())
        for one, accept in ((writer, True), (other, False)):
            with writing_shard(one.layout, [spec()], 0, list("abcd"), accept_new_bytes=accept) as opened:
                for content in "abcd":
                    assert opened["original"].as_promised(values(content, "original") + 1)
                    opened["original"].append(values(content, "original") + 1, statistics(content))

    def test_an_identity_says_which_shard_of_which_variant_has_other_bytes(self, tmp_path: Path) -> None:
        identities = set()
        for variant in ("original", "noise"):
            for shard in (0, 1):
                specs = [replace(spec(name, clips_per_shard=2), identity="the same") for name in ("original", "noise")]
                path = tmp_path / f"{variant} {shard}"
                writer = StoreWriter(path, specs, list("aaaa"))
                writer.prepare(rows("aaaa"), {})
                for change in (0, 1):
                    for number, variants in writer.missing([(variant, shard)] if change else []).items():
                        chosen = [writer.specs[name] for name in variants]
                        with writing_shard(writer.layout, chosen, number, ["a"] * 2, accept_new_bytes=True) as opened:
                            for _ in range(2):
                                for one in opened.values():
                                    one.append(values("a", "any") + change, statistics("a"))
                writer.finish(manifest("aaaa", specs))
                identities.add(open_store(path).identity)
        assert len(identities) == 4

    def test_environments_are_listed_once_in_an_order_of_their_own(self) -> None:
        assert distinct([{"b": 1, "a": 2}, {"a": 1}, {"a": 2, "b": 1}]) == [{"a": 1}, {"a": 2, "b": 1}]

    def test_other_statistics_are_other_bytes(self, writer: StoreWriter) -> None:
        def change() -> None:
            with writing_shard(writer.layout, [spec()], 0, list("abcd")) as opened:
                for content in "abcd":
                    opened["original"].append(values(content, "original"), statistics(content) + 1)

        with pytest.raises(StoreError, match="the statistics, computed again"):
            change()

    def test_an_older_marker_is_read_and_reused(self, writer: StoreWriter, tmp_path: Path) -> None:
        path = writer.layout.marker("original", 0)
        marker = read_checked(path)
        del marker["written_with"]
        write_checked(path, marker)
        old = path.read_bytes()
        new = new_store(tmp_path / "f" / "stores" / "new", "abcd", spec())
        (tmp_path / "f" / "stores" / "s").symlink_to(writer.layout.path)
        Pool(tmp_path / "f", [spec()]).link(new)
        assert new.layout.marker("original", 0).read_bytes() == old
        new.finish(manifest("abcd", [spec()]))
        assert open_store(new.layout.path).manifest["written_with"] == [None]
        with pytest.raises(StoreError, match="its marker does not say with which versions"):
            self.shard(new, 1, self.NEW)

    def test_a_shard_of_other_bytes_is_not_linked_in_its_place(self, writer: StoreWriter, tmp_path: Path) -> None:
        other = new_store(tmp_path / "stores" / "f" / "other", "abcd", spec())
        self.shard(other, 1, self.NEW)
        ours = new_store(tmp_path / "stores" / "f" / "ours", "abcd", spec())
        self.shard(ours, 0, self.OLD)
        ours.layout.shard(spec(), 0).unlink()
        pool = Pool(tmp_path / "stores", [spec()])
        pool.link(ours)
        assert ours.missing() == {0: ["original"]}
        with writing_shard(ours.layout, [spec()], 0, list("abcd")) as opened:
            for content, clip in zip("abcd", pool.find(ours, ours.missing()).of("original", 0, 4), strict=True):
                if clip is not None and clip.shard.layout == other.layout:
                    assert not opened["original"].as_promised(clip.read()[0])
                assert opened["original"].as_promised(values(content, "original"))
                opened["original"].append(values(content, "original"), statistics(content), [self.OLD])
        assert not ours.missing()


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
    assert repr(open_store(tmp_path / "s")).endswith("3 clips × 1 variants of (4, 6, 2))")
