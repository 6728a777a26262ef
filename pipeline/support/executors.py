"""Running independent tasks in workers, by joblib or by dask. Every worker computes with one thread."""

import logging
import pickle
import warnings
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import chain, islice
from threading import Timer
from typing import Any, Literal, TypeVar

from threadpoolctl import threadpool_limits

from pipeline.support.errors import InputError

log = logging.getLogger("otogura")

PATIENCE_S = 4  # with a scheduler that does not answer, and with workers that do not come back
# Of a cluster; its scheduler answers some requests nevertheless, unless told otherwise at port 8787 of every network.
NO_DASHBOARD: dict[str, Any] = {"dashboard_address": None, "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}}
START_WORKERS = "start them by `dask worker {} --nthreads 1 --nworkers …`"
WORKER_LOST = "a worker process was killed, perhaps for want of memory; with fewer --cores, type the same command again"

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class TaskRunner:
    """`workers` processes or threads here, or those of a dask scheduler that runs already."""

    name: Literal["joblib", "dask", "threads"] = "joblib"
    workers: int = 1
    scheduler: str | None = None

    @classmethod
    def named(cls, text: str, workers: int) -> "TaskRunner":
        """Return the runner that is named `joblib` or `dask`, or whose scheduler has this address."""
        if text in ("joblib", "dask"):
            return cls(text, workers)  # type: ignore[arg-type]
        return cls("dask", workers, text)

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], count: int
    ) -> Generator[Result, None, None]:
        """Results of `count` tasks in the order in which they finish; only a few tasks wait at a time."""
        if count:
            yield from (self._dask if self.name == "dask" else self._joblib)(function, tasks, min(self.workers, count))

    def _joblib(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
    ) -> Generator[Result, None, None]:
        from joblib import Parallel, delayed, parallel_config

        processes = workers > 1 and self.name == "joblib"
        backend = "loky" if processes else "threading" if workers > 1 else "sequential"
        options = {"inner_max_num_threads": 1} if processes else {}
        with parallel_config(backend, **options):
            parallel = Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1)
            # Workers import what `function` needs while the first real task is made, if that takes time.
            early = (delayed(_nothing)(function) for _ in range(workers if processes else 0))
            # Threads are for what leaves Python's lock, and BLAS, alone; its limit holds for all threads of a process.
            call = function if backend == "threading" else partial(_single_threaded, function)
            results = parallel(chain(early, (delayed(call)(task) for task in tasks)))
            try:
                yield from (result for result in results if result is not _NOTHING)
            except BrokenExecutor:
                raise InputError(WORKER_LOST) from None
            finally:
                with warnings.catch_warnings():  # of tasks that an interruption leaves undone
                    warnings.simplefilter("ignore", UserWarning)
                    results.close()

    def _dask(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
    ) -> Generator[Result, None, None]:
        import dask

        dask.config.set({"logging.distributed": "critical"})  # it tells of every worker that comes and goes
        from dask.distributed import CancelledError, Client, KilledWorker, LocalCluster, wait

        with ExitStack() as resources:
            if self.scheduler is not None:
                client = resources.enter_context(_connected(self.scheduler))
                workers = _workers_of(client, self.scheduler)
            else:
                cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **NO_DASHBOARD)
                client = resources.enter_context(Client(resources.enter_context(cluster)))
            waiting = iter(tasks)

            def submit(some: Iterable[Task]) -> set[Any]:
                return {client.submit(_unpickled, pickle.dumps((function, task)), pure=False) for task in some}

            pending = submit(islice(waiting, 2 * workers))
            alone = False
            while pending:
                future = None
                try:
                    future = wait(pending, timeout=PATIENCE_S, return_when="FIRST_COMPLETED").done.pop()
                    result = future.result(timeout=PATIENCE_S)  # it can be lost with the worker that had it
                except TimeoutError:  # a long task, or every worker has gone
                    if future is not None and future.status == "error":
                        raise  # by the task itself
                    before, alone = alone, not client.ncores()
                    if alone and not before:
                        _announce(self.scheduler or client.scheduler.address)
                    continue
                except KilledWorker:
                    raise InputError(WORKER_LOST) from None
                except CancelledError:
                    raise InputError(f"scheduler: lost {self.scheduler}; start it and type the same command") from None
                pending.remove(future)
                pending |= submit(islice(waiting, 1))
                yield result


def _connected(scheduler: str) -> Any:
    """A client of a dask scheduler. Raises `InputError` where none answers."""
    from dask.distributed import Client

    # dask waits without end for a server of another kind that takes its call.
    doubt = f"no answer yet at {scheduler}; is that the address of a dask scheduler, and not of its dashboard?"
    timer = Timer(2 * PATIENCE_S, log.info, [doubt])
    timer.start()
    try:
        return Client(scheduler, timeout=PATIENCE_S)
    except (OSError, ValueError) as error:  # nobody listens there, or it is no address
        raise InputError(
            f"scheduler: expected a dask scheduler at {scheduler}, got no answer ({' '.join(str(error).split())}); "
            "start one by `dask scheduler`, or leave scheduler out"
        ) from None
    finally:
        timer.cancel()


def _workers_of(client: Any, scheduler: str) -> int:
    """Number of workers, once there are any. Raises `InputError` where they have several threads."""
    if not client.ncores():
        _announce(scheduler)
        client.wait_for_workers(1)
    threads: dict[str, int] = client.ncores()
    if max(threads.values()) > 1:
        raise InputError(
            f"scheduler: expected workers of one thread each at {scheduler}, found one of {max(threads.values())}; "
            f"{START_WORKERS.format(scheduler)}"
        )
    return len(threads)


def _announce(scheduler: str) -> None:
    log.info("waiting for workers at %s; %s", scheduler, START_WORKERS.format(scheduler))


class _Nothing(Enum):
    """The result of a call that only wakes a worker; there is one of it in every process."""

    NOTHING = 0


_NOTHING = _Nothing.NOTHING


def _nothing(function: Callable[[Task], Result]) -> _Nothing:
    return _NOTHING


def _single_threaded(function: Callable[[Task], Result], task: Task) -> Result:
    with threadpool_limits(limits=1):
        return function(task)


def _unpickled(pickled: bytes) -> Any:
    """Return the result of a call; only here it is unpickled, not in the scheduler, so that its errors are its own."""
    function, task = pickle.loads(pickled)  # noqa: S301  # of the client
    return _single_threaded(function, task)
