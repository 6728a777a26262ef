"""Building on a scheduler and workers that were started separately, in other folders."""

import logging
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from corpora import tree, write_corpus
from dask_processes import DaskProcesses, is_writing
from stores_of import indexed
from waiting import wait_until

from features.tensors.four_channel import Recipe
from pipeline.build.store import build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support import cluster as clusters
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside dask's own client
RECIPE = Recipe(frames=24, n_mels=32)
CLIPS = 8


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskProcesses]:
    (tmp_path / "cluster").mkdir()
    with DaskProcesses(tmp_path / "cluster") as processes:
        yield processes


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """All messages of otogura until now."""
    caplog.set_level(logging.INFO, "otogura")
    return lambda: caplog.messages


def build(folder: Path, work: str, engine: TaskRunner, corpus: Path | None = None, stores: Path | None = None) -> Path:
    source = AudioSource(AudioCorpus(root=corpus or folder / "corpus"), "corpus")
    clips = indexed(source, folder / work / "index")
    recordings = source.recordings(folder / work / "index", clips)
    options: dict[str, Any] = {"name": "tones", "clips_per_shard": 4, "engine": engine}
    family = (stores or folder / work / "stores") / "tones"
    return build_store(family, clips, recordings, RECIPE, **options).path


def test_workers_that_are_killed_come_late_or_are_missing_change_no_byte(
    tmp_path: Path,
    cluster: DaskProcesses,
    messages: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(clusters, "PATIENCE_S", 1)
    write_corpus(tmp_path / "corpus", labels="abc", clips=CLIPS, seconds=2)
    waiting = f"waiting for workers at {cluster.file}; start them by `dask worker --scheduler-file {cluster.file} "
    with ThreadPoolExecutor(1) as thread:
        store = thread.submit(build, tmp_path, "there", TaskRunner("dask", 1, str(cluster.file)))
        wait_until(lambda: told(messages(), waiting, 1, store), cluster.scheduler)
        first = cluster.start_worker()
        wait_until(lambda: is_writing(first), first)
        first.send_signal(signal.SIGSTOP)  # in the middle of a shard, as long as the next one takes to come
        late = cluster.start_worker()
        wait_until(lambda: is_writing(late), late)
        first.kill()
        wait_until(lambda: finished_shards(tmp_path / "there") and is_writing(late), late)
        late.kill()  # the only one
        wait_until(lambda: told(messages(), waiting, 2, store), cluster.scheduler)
        cluster.start_worker()
        there = store.result()
    assert tree(there) == tree(build(tmp_path, "here", TaskRunner("joblib", 2)))
    assert f"tones: tensors: {3 * CLIPS * 6}/{3 * CLIPS * 6}, 1 worker, " in capsys.readouterr().err


def told(messages: list[str], text: str, times: int, store: "Future[Path]") -> bool:
    """Return True if a message was given so many times; fail if the build has ended."""
    assert not store.done(), store.result()
    return sum(message.startswith(text) for message in messages) == times


def finished_shards(work: Path) -> int:
    return len(list(work.glob("stores/*/*/markers/original/*.json")))


@pytest.fixture
def other_versions(tmp_path: Path) -> Path:
    """A folder in which other versions of two packages seem to be installed."""
    for name, number in (("otogura", "9.9"), ("numpy", "1.0")):
        folder = tmp_path / "other" / f"{name}-{number}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
    return tmp_path / "other"


def test_workers_that_are_of_no_use_are_told(
    tmp_path: Path,
    cluster: DaskProcesses,
    other_versions: Path,
    monkeypatch: pytest.MonkeyPatch,
    messages: Callable[[], list[str]],
) -> None:
    write_corpus(tmp_path / "corpus", labels="a", clips=13)
    engine = TaskRunner("dask", 1, cluster.address)
    cluster.start_worker(other_versions)
    with pytest.raises(InputError) as refused:
        build(tmp_path, "there", engine)
    line = str(refused.value)
    assert line.startswith("scheduler: worker tcp://127.0.0.1:")
    assert " cannot be used: expected otogura " in line
    assert ", as the command has, got otogura 9.9 (code " in line
    assert "numpy 1.0; install the same versions there" in line
    assert not finished_shards(tmp_path / "there")

    cluster.start_worker()  # which is of use
    cluster.wait_for_workers(2)
    there = build(tmp_path, "there", engine)
    assert tree(there) == tree(build(tmp_path, "here", TaskRunner()))
    (warning,) = (text for text in messages() if text.startswith("warning: scheduler: worker tcp://127.0.0.1:"))
    assert " is not used: expected otogura " in warning

    monkeypatch.chdir(tmp_path)
    own = Path("/proc/self/cwd")  # another folder for each process
    for option, unseen in {"stores": r"stores/tones/\w+", "corpus": r"corpus/a/\d+.wav"}.items():
        with pytest.raises(InputError) as refused:
            build(tmp_path, option, engine, **{option: own / option})
        lines = [*messages(), str(refused.value)]  # in which order the two workers are refused is chance
        assert any(
            re.search(rf"worker tcp://[\d.:]+ .*: /proc/self/cwd/{unseen}: not seen there;", line) for line in lines
        )


def test_a_scheduler_that_goes_in_the_middle_is_one_line(tmp_path: Path, cluster: DaskProcesses) -> None:
    write_corpus(tmp_path / "corpus", labels="a", clips=CLIPS, seconds=2)
    worker = cluster.start_worker()
    with ThreadPoolExecutor(1) as thread:
        store = thread.submit(build, tmp_path, "there", TaskRunner("dask", 1, str(cluster.file)))
        wait_until(lambda: is_writing(worker), worker)
        cluster.scheduler.kill()
        with pytest.raises(InputError, match=f"scheduler: lost {cluster.file}; start it and type the same command"):
            store.result()
