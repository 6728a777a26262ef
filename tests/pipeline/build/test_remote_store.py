"""Building in object storage: the same bytes as in a folder, by one builder or several, whatever ends one of them."""

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from buckets import Bucket, bucket
from corpora import tree, write_corpus
from joblib.externals.loky import get_reusable_executor
from stores_of import indexed
from typed import exit_code

import stores.remote.objects
import stores.remote.writer
from features.tensors.four_channel import Recipe
from pipeline.build.store import Built, build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.executors import TaskRunner
from stores import open_store
from stores.codec import Compression
from stores.errors import StoreError
from stores.files import checked_json, parse_checked, read_checked
from stores.remote.objects import Objects

RECIPE = Recipe(frames=24, n_mels=32, variants={"pitch": None, "stretch": None, "rolloff": None})
VARIANTS = 3  # original, noise, shift
CLIPS, CLIP_BYTES = 15, 32 * 24 * 4 * 2
FAMILY = "all/tones"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr(stores.remote.objects, "PAUSE_S", 0.0)
    with bucket(tmp_path / "bucket", monkeypatch) as here:
        yield here


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", clips=5)


def build(
    tmp_path: Path,
    address: str | None,
    work: str = "work",
    engine: TaskRunner | None = None,
    compression: Compression | None = None,
) -> Built:
    """Build the store of all tones from a work folder."""
    source = AudioSource(AudioCorpus(root=tmp_path / "corpus"), "corpus")
    clips = indexed(source, tmp_path / work / "index")
    return build_store(
        tmp_path / work / "stores" / "tones",
        clips,
        source.recordings(tmp_path / work / "index", clips),
        RECIPE,
        name="tones",
        clips_per_shard=4,
        compression=compression,
        engine=engine or TaskRunner(),
        address=address,
    )


def objects(built: Built) -> dict[str, bytes]:
    there = Objects(str(built.path))
    return {name: there.get(name) for name in there.sizes()}


@pytest.fixture
def _new_workers() -> Iterator[None]:
    """Workers with the environment of this test, which are not left to others."""
    get_reusable_executor().shutdown(wait=True)
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.mark.usefixtures("_new_workers")
@pytest.mark.parametrize(("workers", "compression"), [(1, "zstd"), (2, None)])
def test_the_bytes_are_those_of_a_folder(
    tmp_path: Path, corpus: Path, there: Bucket, workers: int, compression: Any
) -> None:
    built = build(tmp_path, there.address(FAMILY), engine=TaskRunner("joblib", workers), compression=compression)
    folder = build(tmp_path, None, work="other", compression=compression)
    assert built == Built(f"{there.address(FAMILY)}/{Path(folder.path).name}", CLIPS * VARIANTS, 0, 0)
    assert objects(built) == tree(Path(folder.path))
    work = tmp_path / "work" / "stores"
    assert [path.name for path in work.rglob("*") if path.is_file()] == ["current.json"]
    assert read_checked(work / "tones" / "current.json")["address"] == there.address(FAMILY)
    for path in (work / "tones", there.address(FAMILY), str(built.path)):
        store = open_store(path, cache_bytes=0)
        assert store.clip(3, "noise").tobytes() == open_store(folder.path).clip(3, "noise").tobytes()


def test_nothing_is_computed_again_by_anyone(tmp_path: Path, corpus: Path, there: Bucket) -> None:
    first = build(tmp_path, there.address(FAMILY))
    before = objects(first)
    for work in ("work", "another"):
        assert build(tmp_path, there.address(FAMILY), work) == Built(first.path, 0, CLIPS * VARIANTS, 0)
    assert objects(first) == before
    assert open_store(tmp_path / "another" / "stores" / "tones", cache_bytes=0).identity == Path(first.path).name


@pytest.mark.parametrize(("work", "copied"), [("work", 3), ("another", CLIPS)])
def test_a_grown_corpus_costs_what_is_new(tmp_path: Path, corpus: Path, there: Bucket, work: str, copied: int) -> None:
    """Whole shards are copied by the storage itself where the order of the clips is kept; else single clips."""
    build(tmp_path, there.address(FAMILY))
    write_corpus(tmp_path / "corpus", clips=6)
    grown = build(tmp_path, there.address(FAMILY), work=work)
    assert grown == Built(grown.path, 3 * VARIANTS, CLIPS * VARIANTS, copied * VARIANTS)
    shutil.rmtree(tmp_path / work / "stores")
    assert objects(grown) == tree(Path(build(tmp_path, None, work=work).path))


def test_what_lies_in_a_folder_is_uploaded_unless_it_is_damaged(tmp_path: Path, corpus: Path, there: Bucket) -> None:
    folder = Path(build(tmp_path, None).path)
    whole = tree(folder)
    damaged = folder / "tensors.zarr" / "noise" / "c.1.0.0.0"
    data = damaged.read_bytes()
    damaged.write_bytes(bytes(2 * CLIP_BYTES) + data[2 * CLIP_BYTES :])
    built = build(tmp_path, there.address(FAMILY))
    assert (built.computed, built.reused) == (2, CLIPS * VARIANTS - 2)
    assert objects(built) == whole


class Stopping(TaskRunner):
    """Runner of one worker that does something before its second task."""

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any], count: int, **_: Any) -> Generator[Any]:
        for number, task in enumerate(tasks):
            if number == 1:
                self.act()
            yield function(task)

    act: Callable[[], None]


def stopping(act: Callable[[], None]) -> Stopping:
    runner = Stopping()
    object.__setattr__(runner, "act", act)  # a frozen dataclass
    return runner


class KilledError(Exception):
    pass


def kill() -> None:
    raise KilledError


def test_one_that_is_killed_goes_on(tmp_path: Path, corpus: Path, there: Bucket) -> None:
    with pytest.raises(KilledError):
        build(tmp_path, there.address(FAMILY), engine=stopping(kill))
    with pytest.raises(StoreError, match="no complete store"):
        open_store(next(iter(folders(there))), cache_bytes=0)
    built = build(tmp_path, there.address(FAMILY))
    assert built.computed in (
        CLIPS * VARIANTS - 4 * VARIANTS,
        CLIPS * VARIANTS - 3 * VARIANTS,
    )  # of shards of 4, 4, 4, 3
    assert objects(built) == tree(Path(build(tmp_path, None, work="fresh").path))


def folders(there: Bucket) -> list[str]:
    return [f"{there.address(FAMILY)}/{name}" for name in Objects(there.address(FAMILY)).folders()]


def test_one_that_is_killed_after_its_promise_goes_on(
    tmp_path: Path, corpus: Path, there: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(stores.remote.writer, "send", lambda *_: kill())
        with pytest.raises(KilledError):
            build(tmp_path, there.address(FAMILY))
    assert len([name for name in Objects(there.address(FAMILY)).sizes() if "/markers/" in name]) == 1
    built = build(tmp_path, there.address(FAMILY))
    assert built.computed == CLIPS * VARIANTS
    assert objects(built) == tree(Path(build(tmp_path, None, work="fresh").path))


def test_two_builders_share_the_work(tmp_path: Path, corpus: Path, there: Bucket) -> None:
    others: list[Built] = []

    def other() -> None:
        others.append(build(tmp_path, there.address(FAMILY), work="another"))

    built = build(tmp_path, there.address(FAMILY), engine=stopping(other))
    assert built.computed + others[0].computed == CLIPS * VARIANTS
    assert built.computed <= 4 * VARIANTS
    assert objects(built) == tree(Path(build(tmp_path, None, work="fresh").path))


def test_of_two_that_make_the_same_shard_one_wins(
    tmp_path: Path, corpus: Path, there: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has been computing it when the first one uploads."""
    promise, others = stores.remote.writer.promise, []

    def late(*arguments: Any) -> bool:
        monkeypatch.setattr(stores.remote.writer, "promise", promise)
        others.append(build(tmp_path, there.address(FAMILY), work="another"))
        return promise(*arguments)

    monkeypatch.setattr(stores.remote.writer, "promise", late)
    built = build(tmp_path, there.address(FAMILY))
    assert others[0].computed == CLIPS * VARIANTS
    assert objects(built) == tree(Path(build(tmp_path, None, work="fresh").path))


def test_nobody_uploads_other_bytes_than_are_promised(tmp_path: Path, corpus: Path, there: Bucket) -> None:
    """Leave alone what a builder on another processor has promised, which is gone before it has written it."""
    whole = tree(Path(build(tmp_path, None, work="fresh").path))
    name = "markers/noise/2.json"
    marker = parse_checked(whole[name])
    assert marker is not None
    marker["crc32c"][0] ^= 1
    store = Objects(f"{there.address(FAMILY)}/{Path(build(tmp_path, None, work='fresh').path).name}")
    store.put(name, checked_json(marker))
    with pytest.raises(StoreError, match=rf"/{name}: another builder has promised other bytes of this shard"):
        build(tmp_path, there.address(FAMILY))
    assert "tensors.zarr/noise/c.2.0.0.0" not in store.sizes()
    (there.folder / FAMILY / store.address.rsplit("/", 1)[1] / name).unlink()
    built = build(tmp_path, there.address(FAMILY))
    assert (built.computed, objects(built)) == (4, whole)


def test_stores_of_others_that_are_damaged_hinder_nobody(tmp_path: Path, corpus: Path, there: Bucket) -> None:
    old = build(tmp_path, there.address(FAMILY))
    folder = there.folder / FAMILY / Path(old.path).name
    (folder / "markers" / "noise" / "0.json").write_bytes(b"{")
    (folder / "tensors.zarr" / "original" / "zarr.json").write_bytes(b"[")
    shift = folder / "tensors.zarr" / "shift" / "c.0.0.0.0"
    shift.write_bytes(bytes(CLIP_BYTES) + shift.read_bytes()[CLIP_BYTES:])
    write_corpus(tmp_path / "corpus", clips=6)
    grown = build(tmp_path, there.address(FAMILY), work="another")
    assert objects(grown) == tree(Path(build(tmp_path, None, work="another").path))
    assert grown.computed == 3 * VARIANTS + CLIPS + 4 + 1  # the original, a shard of noise, a clip of the shift


def test_the_commands_follow_the_pointer(
    tmp_path: Path, corpus: Path, there: Bucket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = partial(exit_code, monkeypatch)
    built = build(tmp_path, there.address(FAMILY))
    family = str(tmp_path / "work" / "stores" / "tones")
    assert typed("verify", family) == 0
    assert capsys.readouterr().out == f"{built.path}: whole\n"
    assert typed("verify", family, "--repair") == 1
    assert "remove what is damaged, and push or build the store again" in capsys.readouterr().err
    assert typed("why", family) == 1
    assert f"its store is in object storage, at {built.path}" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert typed("stores", "--work-dir", "work") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == built.path
    assert shown[1].strip().startswith(f"{CLIPS} clips, {VARIANTS} variants, 32×24×4, ")
