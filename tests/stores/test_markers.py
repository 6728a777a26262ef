"""Promises of markers: the bytes of a shard stay when it is written again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from corpora import tree
from lettered_stores import manifest, new_store, rows, spec, statistics, values

from stores import open_store
from stores.errors import StoreError
from stores.files import read_checked, write_checked
from stores.markers import differences, distinct
from stores.reuse import Pool, folder_donors
from stores.shard_writing import writing_shard
from stores.verify import verify
from stores.writer import StoreWriter

OLD, NEW = {"packages": {"soxr": "0.5"}, "cpu": "A"}, {"packages": {"soxr": "1.0"}, "cpu": "A"}


def write_shard(writer: StoreWriter, change: int, environment: Any, **options: bool) -> None:
    hashes = writer.shard_hashes(0)
    with writing_shard(writer.layout, [spec()], 0, hashes, **options) as opened:
        for content in hashes:
            opened["original"].append(values(content, "original") + change, statistics(content), [environment])


@pytest.fixture
def writer(tmp_path: Path) -> StoreWriter:
    writer = new_store(tmp_path / "s", "abcd", spec())
    write_shard(writer, 0, OLD)
    writer.finish(manifest("abcd", [spec()]))
    return writer


def test_other_bytes_are_refused_with_the_reason_and_a_way_out(writer: StoreWriter) -> None:
    before = tree(writer.layout.path)
    with pytest.raises(StoreError, match=r"clips 0, 1, 2, 3.*soxr was 0\.5, is 1\.0.*--accept-new-bytes"):
        write_shard(writer, 1, NEW)
    with pytest.raises(StoreError, match="by the same versions on the same processor"):
        write_shard(writer, 1, OLD)
    assert tree(writer.layout.path) == before


def test_all_versions_that_differ_are_named() -> None:
    one, other = {"packages": {"soxr": "0.5", "numpy": "2"}}, {"packages": {"soxr": "0.6", "numpy": "2"}}
    new = {"packages": {"soxr": "1.0", "numpy": "2"}, "processor": "Zen"}
    assert differences([one, other], [new]) == "processor was not recorded, is Zen, soxr was 0.5 or 0.6, is 1.0"
    assert differences([new], [one]) == "processor was Zen, is not recorded, soxr was 1.0, is 0.5"
    assert differences([one], [one]) == "by the same versions on the same processor"
    assert differences([one, None], [new]) == "its marker does not say with which versions"
    assert differences([], [None, one]) == "numpy was not recorded, is 2, soxr was not recorded, is 0.5"
    assert differences([one], [None]) == "numpy was 2, is not recorded, soxr was 0.5, is not recorded"


def test_the_same_bytes_by_other_versions_are_fine_and_all_are_listed(writer: StoreWriter) -> None:
    write_shard(writer, 0, NEW)
    writer.finish(manifest("abcd", [spec()]))
    store = open_store(writer.layout.path)
    assert store.manifest["written_with"] == [NEW]
    assert store.identity == "x"


def test_accepted_bytes_are_another_store(writer: StoreWriter) -> None:
    write_shard(writer, 1, NEW, accept_new_bytes=True)
    writer.finish(manifest("abcd", [spec()]))
    first = open_store(writer.layout.path).identity
    assert first.startswith("x-")
    write_shard(writer, 1, NEW)
    writer.finish(manifest("abcd", [spec()]))
    assert open_store(writer.layout.path).identity == first
    write_shard(writer, 2, NEW, accept_new_bytes=True)
    writer.finish(manifest("abcd", [spec()]))
    second = open_store(writer.layout.path).identity
    assert second not in ("x", first)
    assert len(second) == len("x-") + 8
    assert not list(verify(writer.layout.path))


def test_accepted_bytes_that_are_linked_are_the_first_ones_of_the_other_store(
    writer: StoreWriter, tmp_path: Path
) -> None:
    write_shard(writer, 1, NEW, accept_new_bytes=True)
    other = new_store(tmp_path / "f" / "stores" / "new", "abcd", spec())
    (tmp_path / "f" / "stores" / "s").symlink_to(writer.layout.path)
    Pool(folder_donors(tmp_path / "f", [spec()])).link(other)
    accepted, linked = (read_checked(one.layout.marker("original", 0)) for one in (writer, other))
    assert accepted == linked | {"accepted": True}
    other.finish(manifest("abcd", [spec()]))
    assert open_store(other.layout.path).identity == "x"
    # A shard that is lost and linked again stays accepted.
    writer.layout.shard(spec(), 0).unlink()
    Pool(folder_donors(tmp_path / "f", [spec()])).link(writer)
    assert writer.layout.shard(spec(), 0).samefile(other.layout.shard(spec(), 0))
    assert read_checked(writer.layout.marker("original", 0)) == accepted


def test_without_a_promise_any_bytes_are_as_promised(writer: StoreWriter) -> None:
    other = new_store(writer.layout.path.with_name("other"), "abcd", spec())
    for one, accept in ((writer, True), (other, False)):
        with writing_shard(one.layout, [spec()], 0, list("abcd"), accept_new_bytes=accept) as opened:
            for content in "abcd":
                assert opened["original"].as_promised(values(content, "original") + 1)
                opened["original"].append(values(content, "original") + 1, statistics(content))


def test_an_identity_says_which_shard_of_which_variant_has_other_bytes(tmp_path: Path) -> None:
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


def test_environments_are_listed_once_in_an_order_of_their_own() -> None:
    assert distinct([{"b": 1, "a": 2}, {"a": 1}, {"a": 2, "b": 1}]) == [{"a": 1}, {"a": 2, "b": 1}]


def test_other_statistics_are_other_bytes(writer: StoreWriter) -> None:
    def change() -> None:
        with writing_shard(writer.layout, [spec()], 0, list("abcd")) as opened:
            for content in "abcd":
                opened["original"].append(values(content, "original"), statistics(content) + 1)

    with pytest.raises(StoreError, match="the statistics, computed again"):
        change()


def test_an_older_marker_is_read_and_reused(writer: StoreWriter, tmp_path: Path) -> None:
    path = writer.layout.marker("original", 0)
    marker = read_checked(path)
    del marker["written_with"]
    write_checked(path, marker)
    old = path.read_bytes()
    new = new_store(tmp_path / "f" / "stores" / "new", "abcd", spec())
    (tmp_path / "f" / "stores" / "s").symlink_to(writer.layout.path)
    Pool(folder_donors(tmp_path / "f", [spec()])).link(new)
    assert new.layout.marker("original", 0).read_bytes() == old
    new.finish(manifest("abcd", [spec()]))
    assert open_store(new.layout.path).manifest["written_with"] == [None]
    with pytest.raises(StoreError, match="its marker does not say with which versions"):
        write_shard(new, 1, NEW)


def test_a_shard_of_other_bytes_is_not_linked_in_its_place(writer: StoreWriter, tmp_path: Path) -> None:
    other = new_store(tmp_path / "stores" / "f" / "other", "abcd", spec())
    write_shard(other, 1, NEW)
    ours = new_store(tmp_path / "stores" / "f" / "ours", "abcd", spec())
    write_shard(ours, 0, OLD)
    ours.layout.shard(spec(), 0).unlink()
    pool = Pool(folder_donors(tmp_path / "stores", [spec()]))
    pool.link(ours)
    assert ours.missing() == {0: ["original"]}
    with writing_shard(ours.layout, [spec()], 0, list("abcd")) as opened:
        for content, clip in zip("abcd", pool.find(ours, ours.missing()).of("original", 0, 4), strict=True):
            if clip is not None and clip.shard.layout == other.layout:
                assert not opened["original"].as_promised(clip.read()[0])
            assert opened["original"].as_promised(values(content, "original"))
            opened["original"].append(values(content, "original"), statistics(content), [OLD])
    assert not ours.missing()
