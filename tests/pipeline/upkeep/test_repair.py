"""Whatever is damaged in a store is named, and mended from the recordings to the same bytes."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from corpora import RATE_HZ, tone, tree
from stores_of import built, indexed, plan_of_tones
from typer.testing import CliRunner

from features.extractor import FeatureExtractor
from pipeline.commands.main import app
from pipeline.corpus.sources.readers import source_of
from pipeline.support.errors import InputError
from pipeline.upkeep.repair import Repaired, repair
from pipeline.workflow.jobs import IndexJob
from pipeline.workflow.plan import Plan
from stores import open_store
from stores.errors import StoreError
from stores.files import read_checked, write_checked
from stores.verify import verify

CLIP_BYTES = 32 * 24 * 4 * 2


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[Plan, Path]:
    """A configuration and its store, with a compression where a test names one."""
    folder = tmp_path_factory.mktemp("whole")
    plan = plan_of_tones(folder, compression=getattr(request, "param", None))
    return plan, built(plan)


@pytest.fixture
def store(whole: tuple[Plan, Path]) -> tuple[Plan, Path]:
    """The store of `whole`, with a copy beside the family to compare with."""
    plan, path = whole
    copy = path.parents[2] / "copy"
    if copy.exists():
        shutil.rmtree(path.parent)
        shutil.copytree(copy, path.parent)
    else:
        shutil.copytree(path.parent, copy)
    return plan, path


def mended(plan: Plan, path: Path) -> int:
    """Repair until nothing is damaged; the tensors that were computed, after which the tree is as it was."""
    computed = 0
    while damages := list(verify(path.parent)):
        computed += repair(path.parent, damages, plan, 1).computed
    assert tree(path.parent) == tree(path.parents[2] / "copy")
    return computed


def test_a_whole_store_has_no_damage(store: tuple[Plan, Path]) -> None:
    assert list(verify(store[1])) == list(verify(store[1].parent)) == []


@pytest.mark.parametrize("whole", [None, "zstd", "blosc"], indirect=True, scope="module")
def test_one_bit_in_any_file_is_found_and_mended(store: tuple[Plan, Path]) -> None:
    plan, path = store
    rng = np.random.default_rng(0)
    files = sorted(file for file in path.parent.rglob("*") if file.is_file())
    assert len(files) > 40
    for file in files:
        data = bytearray(file.read_bytes())
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        file.write_bytes(data)
        damages = list(verify(path.parent))
        assert [damage.path for damage in damages] == [file]
        most = 4 if damages[0].variant else 0  # what hangs on one file of a shard
        if file.name.startswith("c.") and "statistics" not in file.parts and "clip" in damages[0].what:
            most = 1
        assert mended(plan, path) <= most, file


@pytest.mark.parametrize("kind", ["tensors.zarr/noise/c.1.0.0.0", "tensors.zarr/statistics/noise/c.1.0.0"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b""),
        lambda file: file.unlink(),
        lambda file: file.write_bytes(file.with_name(file.name.replace(".1.", ".0.", 1)).read_bytes()),
    ],
    ids=["truncated", "emptied", "missing", "another chunk in its place"],
)
def test_a_shard_that_is_not_what_it_was(store: tuple[Plan, Path], kind: str, damage: Callable[[Path], object]) -> None:
    plan, path = store
    damage(path / kind)
    assert {found.path for found in verify(path)} == {path / kind}
    assert 1 <= mended(plan, path) <= 4


def test_two_swapped_clips_are_found_and_only_those_computed(store: tuple[Plan, Path]) -> None:
    plan, path = store
    shard = path / "tensors.zarr" / "shift" / "c.0.0.0.0"
    data = shard.read_bytes()
    a, b, rest = data[:CLIP_BYTES], data[CLIP_BYTES : 2 * CLIP_BYTES], data[2 * CLIP_BYTES :]
    shard.write_bytes(b + a + rest)
    assert [damage.what for damage in verify(path)] == [f"clip {slot} does not match its checksum" for slot in (0, 1)]
    with pytest.raises(StoreError, match="clip 0 does not match its checksum"):
        open_store(path, check=True).clip(0, "shift")
    assert mended(plan, path) == 2


@pytest.mark.parametrize("name", ["rows.parquet", "manifest.json", "tensors.zarr/zarr.json"])
def test_missing_metadata(store: tuple[Plan, Path], name: str) -> None:
    plan, path = store
    (path / name).unlink()
    assert [damage.path for damage in verify(path)] == [path / name]
    assert mended(plan, path) == 0


def test_much_at_once(store: tuple[Plan, Path]) -> None:
    plan, path = store
    (path / "manifest.json").write_text("{}")
    (path / "rows.parquet").write_bytes(b"PAR1")
    (path / "tensors.zarr" / "noise" / "zarr.json").unlink()
    (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
    (path / "markers" / "shift" / "0.json").write_text("")
    (path.parent / "current.json").unlink()
    assert mended(plan, path) == 1 + 4


def test_an_old_store_is_mended_without_becoming_the_current_one(store: tuple[Plan, Path]) -> None:
    plan, path = store
    pointer = path.parent / "current.json"
    write_checked(pointer, {"store": "another"})
    before = pointer.read_bytes()
    (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
    assert repair(path, list(verify(path)), plan, 1) == Repaired(1, 0)
    assert pointer.read_bytes() == before
    assert not list(verify(path))


def test_what_a_repair_counts_stands_in_shards_that_were_written(store: tuple[Plan, Path]) -> None:
    """The first one mends the manifest, and writes whatever shards are missing, which nothing has named yet."""
    plan, path = store
    (path / "manifest.json").unlink()
    (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
    shard = path / "tensors.zarr" / "shift" / "c.0.0.0.0"
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(data)
    assert repair(path, list(verify(path)), plan, 1) == Repaired(1, 0)
    assert repair(path, list(verify(path)), plan, 1) == Repaired(1, 3)
    assert tree(path.parent) == tree(path.parents[2] / "copy")


def test_a_configuration_that_does_not_build_the_store_cannot_mend(store: tuple[Plan, Path]) -> None:
    plan, path = store
    (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
    other = Plan(plan.config.model_copy(update={"experiments": {}}), "other.yaml")
    with pytest.raises(InputError, match=r"no experiment of other\.yaml builds it"):
        repair(path, list(verify(path)), other, 1)


def test_an_index_of_other_recordings_cannot_mend(store: tuple[Plan, Path]) -> None:
    """The row table is lost, and the clips of the index are not those of the store any more."""
    plan, path = store
    (path / "rows.parquet").unlink()
    index = plan.experiments["x"].corpus.index_folder / "clips.parquet"
    before, clips = index.read_bytes(), tree(path.parent)
    try:
        pq.write_table(pq.read_table(index).slice(1), index)
        with pytest.raises(InputError, match="made from other recordings, or by another recipe or version, than"):
            repair(path, list(verify(path)), plan, 1)
    finally:
        index.write_bytes(before)
    assert tree(path.parent) == clips
    assert mended(plan, path) == 0


def test_a_store_of_fewer_recordings_than_the_index_has_now_is_mended(store: tuple[Plan, Path]) -> None:
    """Its own row table says which recordings it holds."""
    plan, path = store
    (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
    new = plan.experiments["x"].corpus.corpus.root / "c" / "9.wav"
    index = plan.experiments["x"].corpus.index_folder / "clips.parquet"
    before = index.read_bytes()
    try:
        soundfile.write(new, tone(900, 0.5), RATE_HZ)
        job = IndexJob.model_validate_json(plan.experiments["x"].corpus.job)
        assert len(indexed(source_of(job.corpus, "x"), job.folder)) == 10
        assert mended(plan, path) == 1
    finally:
        new.unlink()
        index.write_bytes(before)


def test_a_recording_that_changed_cannot_mend(store: tuple[Plan, Path]) -> None:
    plan, path = store
    (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
    recording = plan.experiments["x"].corpus.corpus.root / open_rows(path)[8]
    before, files = recording.read_bytes(), tree(path.parent)
    try:
        soundfile.write(recording, tone(900, 0.5), RATE_HZ)
        with pytest.raises(InputError, match="this file changed since it was indexed"):
            repair(path, list(verify(path)), plan, 1)
    finally:
        recording.write_bytes(before)
    assert tree(path.parent) == files
    assert mended(plan, path) == 1


def open_rows(path: Path) -> list[str]:
    names: list[str] = pq.read_table(path / "rows.parquet")["id"].to_pylist()
    return names


def test_a_marker_of_other_recordings_is_damage(store: tuple[Plan, Path]) -> None:
    plan, path = store
    marker = path / "markers" / "shift" / "1.json"
    write_checked(marker, read_checked(marker) | {"key": read_checked(marker.with_name("0.json"))["key"]})
    assert [str(damage) for damage in verify(path)] == [f"{marker}: it speaks of other recordings"]
    assert mended(plan, path) == 4  # a shard of its own knows nothing of it


@pytest.mark.parametrize(("whole", "computed"), [(None, 0), ("zstd", 4)], indirect=["whole"])
@pytest.mark.parametrize("place", [-1, -20])
def test_one_bit_of_an_index_or_of_its_checksum_is_found(store: tuple[Plan, Path], place: int, computed: int) -> None:
    """Other readers of Zarr would refuse the shard. Where clips lie is known without it, unless they are compressed."""
    plan, path = store
    shard = path / "tensors.zarr" / "noise" / "c.0.0.0.0"
    data = bytearray(shard.read_bytes())
    data[place] ^= 1
    shard.write_bytes(data)
    assert [str(damage) for damage in verify(path)] == [f"{shard}: the index does not match its checksum"]
    assert mended(plan, path) == computed


class TestOtherBytes:
    """A tensor that is computed again comes out otherwise: another resampler, say."""

    @pytest.fixture
    def damaged(self, store: tuple[Plan, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Path]:
        plan, path = store
        (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
        compute = FeatureExtractor.compute

        def other(self: FeatureExtractor, *arguments: Any) -> Iterator[tuple[str, Any]]:
            for variant, tensor in compute(self, *arguments):
                yield variant, replace(tensor, values=tensor.values + np.float16(1))

        monkeypatch.setattr(FeatureExtractor, "compute", other)
        monkeypatch.setattr("pipeline.build.store.environment", lambda by_codecs: {"packages": {"soxr": "9"}})
        return plan, path

    def test_are_refused_and_nothing_changes(self, damaged: tuple[Plan, Path]) -> None:
        plan, path = damaged
        before = tree(path.parent)
        with pytest.raises(StoreError, match=r"clips 0, .*soxr was .*, is 9.*verify .* --repair --accept-new-bytes"):
            repair(path.parent, list(verify(path)), plan, 1)
        assert tree(path.parent) == before

    def test_are_accepted_under_another_identity(self, damaged: tuple[Plan, Path]) -> None:
        plan, path = damaged
        config = path.parents[2] / "mine.yaml"
        config.write_text(plan.config.model_dump_json())
        before = read_checked(path / "manifest.json")
        command = ["verify", str(path.parent), "--repair", "--configfile", str(config)]
        refused = CliRunner().invoke(app, command)
        assert isinstance(refused.exception, StoreError)
        result = CliRunner().invoke(app, [*command, "--accept-new-bytes"])
        assert result.exit_code == 0, result.output
        assert not list(verify(path.parent))
        store = open_store(path.parent)
        assert store.path == path
        assert store.identity.startswith(f"{before['identity']}-")
        assert read_checked(path.parent / "current.json")["identity"] == store.identity  # so training runs again
        assert store.manifest["written_with"] == [*before["written_with"], {"packages": {"soxr": "9"}}]
        assert built(plan) == path
        assert open_store(path.parent).identity == store.identity

    def test_are_refused_by_a_build_as_well(self, damaged: tuple[Plan, Path]) -> None:
        plan, path = damaged
        before = tree(path.parent)
        with pytest.raises(StoreError, match="are not the bytes that were written first"):
            built(plan)
        assert tree(path.parent) == before

    def test_are_accepted_only_by_a_repair(self, store: tuple[Plan, Path]) -> None:
        result = CliRunner().invoke(app, ["verify", str(store[1]), "--accept-new-bytes"])
        assert isinstance(result.exception, InputError)


class TestCommand:
    def test_says_what_is_damaged_and_exits_with_1(self, store: tuple[Plan, Path]) -> None:
        path = store[1]
        (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
        result = CliRunner().invoke(app, ["verify", str(path.parent)])
        assert result.exit_code == 1
        assert "noise/c.2.0.0.0: this shard is missing" in result.stdout
        assert "1 damaged" in result.stderr

    def test_mends_with_the_configuration_of_the_store(self, store: tuple[Plan, Path]) -> None:
        plan, path = store
        (path / "tensors.zarr" / "noise" / "c.2.0.0.0").unlink()
        config = path.parents[2] / "mine.yaml"
        config.write_text(plan.config.model_dump_json())
        result = CliRunner().invoke(app, ["verify", str(path), "--repair", "--configfile", str(config)])
        assert result.exit_code == 0, result.output
        assert f"{path}: 1 tensors computed again, 0 beside them kept\n" in result.stdout
        assert result.stdout.endswith("whole\n")

    def test_no_store(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["verify", str(tmp_path)])
        assert isinstance(result.exception, StoreError)
