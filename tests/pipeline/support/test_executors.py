"""A dask scheduler that runs already: without workers, with too many threads, gone, or never there."""

import logging
import socket
from collections.abc import Callable, Iterator

import pytest
from dask.distributed import LocalCluster

from pipeline.support import executors as engines
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner

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
    with LocalCluster(n_workers=0, threads_per_worker=1, processes=False, **engines.NO_DASHBOARD) as cluster:
        yield cluster


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Listening:
    """Call a function at a message; `setLevel` also forgets which levels were off when they were last asked for."""

    def listen(text: str, function: Callable[[], object]) -> OnMessage:
        caplog.set_level(logging.INFO, engines.log.name)
        handler = OnMessage(text, function)
        monkeypatch.setattr(engines.log, "handlers", [handler])
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
    monkeypatch.setattr(engines, "PATIENCE_S", 1)
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


def test_a_scheduler_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "PATIENCE_S", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match=f"expected a dask scheduler at {address}, got no answer") as caught:
            list(TaskRunner("dask", 1, address).run(eval, ["1"], 1))
    assert "\n" not in str(caught.value)


def test_workers_of_several_threads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **engines.NO_DASHBOARD) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(InputError, match=r"expected workers of one thread each at .*, found one of 2"):
            list(TaskRunner("dask", 1, address).run(eval, ["1"], 1))
