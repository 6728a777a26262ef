"""Finding tensors in other stores: whole shards to link, single clips to copy."""

import json
import os
import shutil
import string
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
from lettered_stores import manifest, new_store, rows, spec, statistics, values, write

from stores import open_store
from stores.codec import Compression
from stores.errors import StoreError
from stores.files import PARTIAL_SUFFIX, read_checked
from stores.held import HeldClip
from stores.layout import ArraySpec, Layout
from stores.reuse import Pool, folder_donors
from stores.verify import verify
from stores.writer import StoreWriter


def copies_of(stores: Path, packed: ArraySpec, contents: str) -> list[HeldClip | None]:
    """Find the clips that a store of these recordings can copy."""
    writer = StoreWriter(stores / "f" / "wanted", [packed], list(contents))
    copies = Pool(folder_donors(stores, [packed])).find(
        writer, {shard: [packed.variant] for shard in range(len(writer.shards))}
    )
    return [clip for shard, rows in enumerate(writer.shards) for clip in copies.of(packed.variant, shard, len(rows))]


def test_whole_shards_are_linked_even_from_an_incomplete_store(tmp_path: Path) -> None:
    old = write(tmp_path / "stores" / "f" / "old", "abcdefghij", [spec()], shards={0, 1})
    new = new_store(tmp_path / "stores" / "f" / "new", "abcdefghijk", spec())
    Pool(folder_donors(tmp_path / "stores", [spec()])).link(new)
    assert old.layout.shard(spec(), 0).samefile(new.layout.shard(spec(), 0))
    assert new.missing() == {2: ["original"]}


def test_a_shard_is_linked_wherever_it_stands_there(tmp_path: Path) -> None:
    old = write(tmp_path / "stores" / "f" / "old", "axyzabcdefgh", [spec()])
    new = new_store(tmp_path / "stores" / "f" / "new", "abcdaxyz", spec())
    Pool(folder_donors(tmp_path / "stores", [spec()])).link(new)
    assert old.layout.shard(spec(), 1).samefile(new.layout.shard(spec(), 0))
    assert old.layout.shard(spec(), 0).samefile(new.layout.shard(spec(), 1))
    assert not new.missing()


def test_single_clips_are_found_by_content(tmp_path: Path) -> None:
    write(tmp_path / "stores" / "f" / "old", "abcdefghij", [spec()])
    held = copies_of(tmp_path / "stores", spec(), "jzc")
    assert held[1] is None
    for place, content in ((0, "j"), (2, "c")):
        clip = held[place]
        assert clip is not None
        read, pair, _ = clip.read()
        np.testing.assert_array_equal(read, values(content, "original"))
        np.testing.assert_array_equal(pair, statistics(content))


def test_clips_are_found_in_several_stores_where_their_shards_are_finished(tmp_path: Path) -> None:
    write(tmp_path / "stores" / "f" / "1", "abcdefgh", [spec()], shards={1})
    write(tmp_path / "stores" / "f" / "2", "abcxgy", [spec()])
    held = [
        None if clip is None else clip.shard.layout.path.name for clip in copies_of(tmp_path / "stores", spec(), "agyz")
    ]
    assert held == ["2", "1", "2", None]


@pytest.mark.parametrize("ours", [None, "zstd"])
@pytest.mark.parametrize("theirs", [None, *get_args(Compression)])
def test_clips_are_found_however_they_are_compressed(
    tmp_path: Path, ours: Compression | None, theirs: Compression | None
) -> None:
    write(tmp_path / "stores" / "f" / "old", "abcd", [spec(compression=theirs)])
    (held,) = copies_of(tmp_path / "stores", spec(compression=ours), "c")
    assert held is not None
    np.testing.assert_array_equal(held.read()[0], values("c", "original"))
    new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec(compression=ours))
    Pool(folder_donors(tmp_path / "stores", [spec(compression=ours)])).link(new)
    assert (not new.missing()) == (ours == theirs)


def test_another_identity_is_not_used(tmp_path: Path) -> None:
    write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
    assert copies_of(tmp_path / "stores", spec("noise"), "a") == [None]


def test_an_array_of_another_name_and_size_of_shards_is_used(tmp_path: Path) -> None:
    named = replace(spec(clips_per_shard=2), variant="named", attributes={"identity": spec().identity})
    named.attributes["clips_per_shard"] = 2
    write(tmp_path / "stores" / "f" / "old", "abcde", [spec("noise", clips_per_shard=2), named])
    held = copies_of(tmp_path / "stores", spec(), "zed")
    places = ["" if clip is None else f"{clip.shard.spec.variant} {clip.shard.shard}.{clip.slot}" for clip in held]
    assert places == ["", "named 2.0", "named 1.1"]
    assert held[1] is not None
    np.testing.assert_array_equal(held[1].read()[0], values("e", "named"))
    alike = spec(clips_per_shard=2)
    new = new_store(tmp_path / "stores" / "f" / "new", "cdab", alike)
    Pool(folder_donors(tmp_path / "stores", [alike])).link(new)
    assert not new.missing()
    assert new.layout.shard(alike, 0).samefile(Layout(tmp_path / "stores" / "f" / "old").shard(named, 1))


def test_of_several_variants_each_is_taken_from_where_it_is(tmp_path: Path) -> None:
    write(tmp_path / "stores" / "f" / "1", "abcd", [spec("noise")])
    write(tmp_path / "stores" / "f" / "2", "abcdefgh", [spec()])
    both = [spec(), spec("noise")]
    new = StoreWriter(tmp_path / "stores" / "f" / "new", both, list("efghijklabcz"))
    new.prepare(rows("efghijklabcz"), {})
    pool = Pool(folder_donors(tmp_path / "stores", both))
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


def test_clips_of_finished_shards_alone_are_found_beside_those_of_others(tmp_path: Path) -> None:
    write(tmp_path / "stores" / "f" / "old", "abcdefghij", [spec()], shards={0, 2})
    held = copies_of(tmp_path / "stores", spec(), "jaebzfic")
    places = ["" if clip is None else f"{clip.shard.shard}.{clip.slot}" for clip in held]
    assert places == ["2.1", "0.0", "", "0.1", "", "", "2.0", "0.2"]


def test_of_three_stores_the_first_that_holds_a_clip_is_used(tmp_path: Path) -> None:
    for name, contents in (("1", "abc"), ("2", "bcde"), ("3", "aefg")):
        write(tmp_path / "stores" / "f" / name, contents, [spec()])
    held = copies_of(tmp_path / "stores", spec(), "gfedcba")
    assert "".join(clip.shard.layout.path.name for clip in held if clip is not None) == "3322111"
    for content, clip in zip("gfedcba", held, strict=True):
        assert clip is not None
        np.testing.assert_array_equal(clip.read()[0], values(content, "original"))


@pytest.mark.parametrize("damage", ["array", "attributes", "row table", "no rows"])
def test_a_damaged_store_does_not_keep_others_from_being_used(tmp_path: Path, damage: str) -> None:
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
    (held,) = copies_of(tmp_path / "stores", spec(), "b")
    assert held is not None
    assert held.shard.layout == good
    new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())
    Pool(folder_donors(tmp_path / "stores", [spec()])).link(new)
    assert new.layout.shard(spec(), 0).samefile(good.shard(spec(), 0))


@pytest.mark.parametrize("first", ["compressed", "of others", "without a file", "whole"])
def test_a_shard_is_linked_from_the_first_store_that_can_give_it(tmp_path: Path, first: str) -> None:
    packed = spec(compression="zstd" if first == "compressed" else None)
    one = write(tmp_path / "stores" / "f" / "1", "abdc" if first == "of others" else "abcd", [packed]).layout
    if first == "without a file":
        one.statistics_chunk(spec(), 0).unlink()
    two = write(tmp_path / "stores" / "f" / "2", "abcd", [spec()]).layout
    new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())
    Pool(folder_donors(tmp_path / "stores", [spec()])).link(new)
    assert not new.missing()
    giver = one if first == "whole" else two
    assert new.layout.shard(spec(), 0).samefile(giver.shard(spec(), 0))
    assert new.layout.statistics_chunk(spec(), 0).samefile(giver.statistics_chunk(spec(), 0))


def test_a_damaged_clip_is_not_copied(tmp_path: Path) -> None:
    old = write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
    shard = old.layout.shard(spec(), 0)
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(data)
    (held,) = copies_of(tmp_path / "stores", spec(), "a")
    assert held is not None
    with pytest.raises(StoreError, match=f"^{shard}: clip 0 does not match its checksum; to mend"):
        held.read()


def test_damaged_statistics_are_not_copied(tmp_path: Path) -> None:
    old = write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
    chunk = old.layout.statistics_chunk(spec(), 0)
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"x")
    (held,) = copies_of(tmp_path / "stores", spec(), "a")
    assert held is not None
    with pytest.raises(StoreError, match=f"^{chunk}: it does not match its checksum; to mend"):
        held.read()


@pytest.mark.parametrize("gone", ["marker", "shard", "store"])
def test_a_store_that_is_removed_meanwhile_is_not_used(tmp_path: Path, gone: str) -> None:
    old = write(tmp_path / "stores" / "f" / "old", "abcdefgh", [spec()])
    new = new_store(tmp_path / "stores" / "f" / "new", "abcdefgh", spec())
    pool = Pool(folder_donors(tmp_path / "stores", [spec()]))
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


def test_linked_shards_share_tensors_statistics_and_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stores.reuse.SHARDS_AT_ONCE", 2)
    old = write(tmp_path / "stores" / "f" / "old", "abcdefghijkl", [spec()])
    new = new_store(tmp_path / "stores" / "f" / "new", "abcdefghijkl", spec())
    Pool(folder_donors(tmp_path / "stores", [spec()])).link(new)
    assert not new.missing()
    for shard in range(3):
        assert new.layout.shard(spec(), shard).samefile(old.layout.shard(spec(), shard))
        assert new.layout.statistics_chunk(spec(), shard).samefile(old.layout.statistics_chunk(spec(), shard))
        assert new.layout.marker("original", shard).samefile(old.layout.marker("original", shard))
    assert not list(new.layout.path.rglob("*.partial"))


def test_a_store_that_is_removed_while_a_shard_is_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
    new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())

    def link(source: Path, target: Path) -> None:
        os.link(source, target)
        old.layout.marker("original", 0).unlink(missing_ok=True)

    monkeypatch.setattr("stores.links.os", SimpleNamespace(link=link, replace=os.replace))
    Pool(folder_donors(tmp_path / "stores", [spec()])).link(new)
    assert not new.missing()
    new.finish(manifest("abcd", [spec()]))
    assert not list(verify(new.layout.path))


def test_only_what_is_wanted_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read no marker of a shard that holds nothing wanted, in two stores of many shards."""
    many = string.ascii_letters
    for name, contents in (("1", many), ("2", many[::-1])):
        write(tmp_path / "stores" / "f" / name, contents, [spec()])
    read = []

    def read_marker(path: Path) -> dict[str, Any]:
        read.append(path)
        return read_checked(path)

    monkeypatch.setattr("stores.markers.read_checked", read_marker)
    held = copies_of(tmp_path / "stores", spec(), many[40:43])
    assert [clip is not None for clip in held] == [True] * 3
    assert len(read) == 1


def test_linking_again_after_a_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
    new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())
    for _ in range(2):
        Pool(folder_donors(tmp_path / "stores", [spec()])).link(new)
        assert not new.missing()
        new.layout.marker("original", 0).unlink()
    assert not list(tmp_path.rglob("*" + PARTIAL_SUFFIX))


def test_the_old_store_stays_when_the_new_one_goes(tmp_path: Path) -> None:
    write(tmp_path / "stores" / "f" / "old", "abcd", [spec()])
    new = new_store(tmp_path / "stores" / "f" / "new", "abcd", spec())
    Pool(folder_donors(tmp_path / "stores", [spec()])).link(new)
    shutil.rmtree(new.layout.path)
    np.testing.assert_array_equal(open_store(tmp_path / "stores" / "f" / "old").clip(0), values("a", "original"))
