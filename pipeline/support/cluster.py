"""Tasks on the workers of a dask scheduler, which may come late, go, or be of no use."""

import inspect
import logging
import pickle
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from pipeline.build.environment import PACKAGES
from pipeline.support import worker_check
from pipeline.support.errors import InputError
from pipeline.support.executors import Needs
from pipeline.support.scheduler import NO_DASHBOARD, PATIENCE_S, connected, worker_options
from training.imports import ROOT, imported_files

log = logging.getLogger("otogura")

LOOK_S = 1.0  # between two looks at the workers
TASKS_PER_WORKER = 2  # at the scheduler: one that is computed and one that waits
# Workers of every version have the function `eval`. The source of the check comes with the task.
RUN_CHECKED = (
    "[received := __import__('pickle').loads(pickled), names := {'__name__': 'otogura_worker_check'}, "
    "exec(received[0], names), names['guarded'](*received[1])][-1]"
)
KILLED = (
    "scheduler: {} workers in turn were killed by one shard, perhaps for want of memory; with more memory for each, "
    "type the same command again"
)
LOST = "scheduler: lost {}; start it and type the same command"


NeedsOf = Callable[[Any], Needs]


@dataclass(frozen=True)
class _Sent:
    """Task at the scheduler: the pickled arguments of `guarded`, and the workers that may take it; None for any."""

    arguments: bytes
    workers: frozenset[str] | None


def run_on_cluster(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    count: int,
    *,
    scheduler: str | None,
    workers: int,
    needs: NeedsOf,
    count_workers: Callable[[int], None],
) -> Generator[Any, None, None]:
    """Yield the results of tasks in the order in which they finish; few of them are at the scheduler at a time.

    Parameters
    ----------
    function : callable
        Called with each task in a worker of one thread.
    tasks : iterable
        Whatever can be pickled.
    count : int
        Number of tasks.
    scheduler : str or None
        Address of a dask scheduler, or the file that it wrote for its clients; None to start `workers` processes here.
    workers : int
        Their number.
    needs : callable
        Paths that a task reads and writes.
    count_workers : callable
        Called with the number of workers whenever it has changed.

    Raises
    ------
    InputError
        If no scheduler answers, if all the workers that there are first cannot be used, or if a task kills one worker
        after the other.
    """
    from dask.distributed import Client, LocalCluster

    for name in ("distributed", "distributed.client"):  # which tell of every worker that comes and goes
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as resources:
        if scheduler is None:
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **NO_DASHBOARD)
            client = resources.enter_context(Client(resources.enter_context(cluster)))
            name = client.scheduler.address
        else:
            client = resources.enter_context(connected(scheduler))
            name = scheduler
        start_workers = f"start them by `dask worker {worker_options(name)} --nthreads 1 --nworkers …`"
        pool = _Pool(client, name, start_workers, count_workers)
        yield from _Run(pool, function, tasks, needs).results(count)


@dataclass
class _Pool:
    """Workers of a scheduler: those that are there, and those of them that cannot be used, with the reasons."""

    client: Any
    name: str
    start_workers: str
    count_workers: Callable[[int], None]
    there: frozenset[str] = frozenset()
    refused: dict[str, str] = field(default_factory=dict)
    proven: bool = False  # whether any of them has computed something
    _counted: int = 0
    _looked_at_s: float = -LOOK_S
    _alone_since_s: float | None = None  # None while there are workers that can be used
    _announced: bool = False

    @property
    def usable(self) -> frozenset[str]:
        return self.there - self.refused.keys()

    def look(self) -> None:
        """Ask the scheduler for its workers, at most once in `LOOK_S`. Raises `InputError` if none is of use."""
        now = time.monotonic()
        if now - self._looked_at_s < LOOK_S:
            return
        self._looked_at_s = now
        try:
            self.there = frozenset(self.client.nthreads())
        except (OSError, TimeoutError):
            raise InputError(LOST.format(self.name)) from None
        self.refused = {address: reason for address, reason in self.refused.items() if address in self.there}
        if len(self.usable) != self._counted:
            self._counted = len(self.usable)
            self.count_workers(self._counted)
        if self.usable:
            self._alone_since_s, self._announced = None, False
            return
        if self.refused and not self.proven:
            raise InputError(f"scheduler: {self._refusals()}")
        if self._alone_since_s is None:
            self._alone_since_s = now
        # Those that are killed are often started again at once.
        if not self._announced and (now - self._alone_since_s >= PATIENCE_S or not self.proven):
            self._announced = True
            log.info("waiting for workers at %s; %s", self.name, self.start_workers)

    def refuse(self, address: str, reason: str) -> None:
        """Give a worker no more tasks."""
        if address not in self.refused:
            self.refused[address] = reason
            if self.usable or self.proven:
                log.warning("warning: scheduler: worker %s is not used: %s", address, reason)
        self._looked_at_s = -LOOK_S

    def _refusals(self) -> str:
        """Return the last refusal, since warnings have told the others."""
        address, reason = list(self.refused.items())[-1]
        others = f" (as {len(self.refused) - 1} others)" if len(self.refused) > 1 else ""
        return f"worker {address} cannot be used{others}: {reason}"


class _Run:
    """Tasks on their way through a pool."""

    def __init__(self, pool: _Pool, function: Callable[[Any], Any], tasks: Iterable[Any], needs: NeedsOf) -> None:
        self._pool = pool
        self._new = _guarded_calls(function, tasks, needs)
        self._again: list[bytes] = []  # arguments of tasks that a worker refused or left
        self._pending: dict[Any, _Sent] = {}

    def results(self, count: int) -> Generator[Any, None, None]:
        """Yield the results of `count` tasks."""
        while count:
            self._pool.look()
            self._take_back()
            self._send()
            if (future := self._finished()) is None or (answer := self._answer(future)) is None:
                continue
            outcome, worker, result = answer
            sent = self._pending.pop(future)
            if outcome == "done":
                self._pool.proven = True
                count -= 1
                yield result
            else:
                self._pool.refuse(worker, result)
                self._again.append(sent.arguments)

    def _take_back(self) -> None:
        """Take back the tasks that only workers who have gone might have taken."""
        for future, sent in list(self._pending.items()):
            if sent.workers is not None and not sent.workers & self._pool.there:
                del self._pending[future]  # the scheduler forgets what no client holds
                self._again.append(sent.arguments)

    def _send(self) -> None:
        """Submit as many tasks as workers can take; none to those that cannot be used."""
        usable = self._pool.usable
        allowed = usable if self._pool.refused else None
        for _ in range(TASKS_PER_WORKER * len(usable) - len(self._pending)):
            if (arguments := self._again.pop() if self._again else next(self._new, None)) is None:
                return
            workers = None if allowed is None else sorted(allowed)
            future = self._pool.client.submit(eval, RUN_CHECKED, {"pickled": arguments}, pure=False, workers=workers)
            self._pending[future] = _Sent(arguments, allowed)

    def _finished(self) -> Any:
        """Return the future of a task that has ended, or None after some time."""
        from dask.distributed import CancelledError, wait

        if not self._pending:
            time.sleep(LOOK_S)
            return None
        try:
            return wait(list(self._pending), timeout=LOOK_S, return_when="FIRST_COMPLETED").done.pop()
        except TimeoutError:  # long tasks, or every worker has gone
            return None
        except CancelledError:
            raise InputError(LOST.format(self._pool.name)) from None

    def _answer(self, future: Any) -> Any:
        """Return what `guarded` returned; None where it was lost with its worker, and is computed again."""
        from dask.distributed import CancelledError, KilledWorker

        try:
            return future.result(timeout=PATIENCE_S)
        except KilledWorker as error:
            raise InputError(KILLED.format(error.allowed_failures + 1)) from None
        except CancelledError:
            raise InputError(LOST.format(self._pool.name)) from None
        except TimeoutError:
            if future.status == "error":
                raise  # by the task itself
            return None


def _guarded_calls(function: Callable[[Any], Any], tasks: Iterable[Any], needs: NeedsOf) -> Iterator[bytes]:
    """Yield the pickled source of the check and its arguments for each task."""
    code = [path.relative_to(ROOT).as_posix() for path in imported_files([function.__module__])]
    expected = worker_check.versions(["distributed", *PACKAGES], code, worker_check.source_digests())
    source = inspect.getsource(worker_check)
    for task in tasks:
        paths = needs(task)
        # A recording that is gone here as well is no fault of the worker's.
        read, written = [str(path) for path in paths.read if path.exists()], [str(path) for path in paths.written]
        yield pickle.dumps((source, (pickle.dumps((function, task)), expected, code, read, written)))
