"""A dask scheduler that runs already: without workers, with too many threads, gone, or never there."""

import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dask.distributed import LocalCluster

from pipeline.support import cluster as clusters
from pipeline.support import scheduler as schedulers
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from pipeline.support.scheduler import NO_DASHBOARD, log

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside dask's own cluster


class OnMessage(logging.Handler):
    """Calls a function at the first message of otogura that has a text in it."""

    def __init__(self, text: str, function: Callable[[], object]) -> None:
        super().__init__()
        self.text, self.function, self.messages = text, function, list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        if self.text in self.messages[-1] and len(self.messages) == 1:
            self.function()


Listening = Callable[[str, Callable[[], object]], OnMessage]


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A scheduler without a worker; `scale` adds some of one thread each."""
    with LocalCluster(n_workers=0, threads_per_worker=1, processes=False, **NO_DASHBOARD) as cluster:
        yield cluster


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Listening:
    """Call a function at a message; `setLevel` also forgets which levels were off when they were last asked for."""

    def listen(text: str, function: Callable[[], object]) -> OnMessage:
        caplog.set_level(logging.INFO, log.name)
        handler = OnMessage(text, function)
        monkeypatch.setattr(log, "handlers", [handler])
        return handler

    return listen


def test_workers_that_come_late_are_waited_for(cluster: LocalCluster, listening: Listening) -> None:
    said = listening("waiting for workers", lambda: cluster.scale(1))
    results = list(TaskRunner("dask", 2, cluster.scheduler_address).run(eval, ["1 + 1"] * 3, 3))
    assert results == [2, 2, 2]
    (message,) = said.messages
    assert message.startswith(f"waiting for workers at {cluster.scheduler_address}; start them by `dask worker ")


def test_workers_that_go_in_the_middle_are_waited_for(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch, listening: Listening
) -> None:
    monkeypatch.setattr(clusters, "PATIENCE_S", 1)
    cluster.scale(1)
    cluster.wait_for_workers(1)
    results = TaskRunner("dask", 1, cluster.scheduler_address).run(eval, ["1 + 1"] * 8, 8)
    assert next(results) == 2
    said = listening("waiting for workers", lambda: cluster.scale(2))  # counting the one that has gone
    (worker,) = cluster.workers.values()
    cluster.sync(worker.close)
    assert list(results) == [2] * 7
    (message,) = said.messages
    assert message.startswith("waiting for workers at ")


def test_more_tasks_are_sent_when_more_workers_come(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "LOOK_S", 0.01)
    cluster.scale(1)
    cluster.wait_for_workers(1)
    sent, workers = [], list[int]()
    tasks = (sent.append(number) or "1 + 1" for number in range(1000))  # type: ignore[func-returns-value]
    results = TaskRunner("dask", 1, cluster.scheduler_address).run(eval, tasks, 1000, count_workers=workers.append)
    next(results)
    assert len(sent) == 2
    cluster.scale(3)
    cluster.wait_for_workers(3)
    next(results)
    assert len(sent) == 1 + 6
    assert workers[0] == 1
    assert workers[-1] == 3
    results.close()


def test_a_file_that_no_scheduler_wrote_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    for text, found in ((None, "no such file"), ("[1]", "something else in it"), ("{", "something else in it")):
        if text is not None:
            file.write_text(text)
        with pytest.raises(InputError) as told:
            list(TaskRunner.named(str(file), 1).run(eval, ["1"], 1))
        assert str(told.value) == (
            f"scheduler: expected the file of a dask scheduler at {file}, found {found}; "
            f"write it by `dask scheduler --scheduler-file {file}`"
        )


def test_a_scheduler_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedulers, "PATIENCE_S", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match=f"expected a dask scheduler at {address}, got no answer") as caught:
            list(TaskRunner("dask", 1, address).run(eval, ["1"], 1))
    assert "\n" not in str(caught.value)


def test_workers_of_several_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **NO_DASHBOARD) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(InputError, match=r"worker .*: expected workers of one thread each, got one of 2"):
            list(TaskRunner("dask", 1, address).run(eval, ["1"], 1))
