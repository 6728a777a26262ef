"""Running independent tasks in workers, by joblib or by dask. Every worker computes with one thread."""

import warnings
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import chain, islice
from typing import Any, Literal, TypeVar

from threadpoolctl import threadpool_limits

from pipeline.errors import InputError

WORKER_LOST = "a worker process was killed, perhaps for want of memory; with fewer --cores, type the same command again"

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Engine:
    """`workers` processes or threads here, or those of a dask scheduler that runs already."""

    name: Literal["joblib", "dask", "threads"] = "joblib"
    workers: int = 1
    scheduler: str | None = None

    @classmethod
    def of(cls, text: str, workers: int) -> "Engine":
        """From `joblib`, `dask`, or the address of a dask scheduler."""
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

        dask.config.set({"logging.distributed": "error"})  # it tells of every worker that comes and goes
        from dask.distributed import Client, KilledWorker, LocalCluster, as_completed

        with ExitStack() as resources:
            if self.scheduler is not None:
                client = resources.enter_context(Client(self.scheduler))
                threads = client.ncores()
                if max(threads.values(), default=1) > 1:
                    raise InputError(
                        f"scheduler: expected workers of one thread each at {self.scheduler}, found one of "
                        f"{max(threads.values())}; start them by `dask worker --nthreads 1 --nworkers …`"
                    )
                workers = max(1, len(threads))
            else:
                cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)
                client = resources.enter_context(Client(resources.enter_context(cluster)))
            waiting = iter(tasks)

            def submit(some: Iterable[Task]) -> list[Any]:
                return [client.submit(_single_threaded, function, task, pure=False) for task in some]

            futures = as_completed(submit(islice(waiting, 2 * workers)))
            for future in futures:
                try:
                    yield future.result()
                except KilledWorker:
                    raise InputError(WORKER_LOST) from None
                futures.update(submit(islice(waiting, 1)))


class _Nothing(Enum):
    """The result of a call that only wakes a worker; there is one of it in every process."""

    NOTHING = 0


_NOTHING = _Nothing.NOTHING


def _nothing(function: Callable[[Task], Result]) -> _Nothing:
    return _NOTHING


def _single_threaded(function: Callable[[Task], Result], task: Task) -> Result:
    with threadpool_limits(limits=1):
        return function(task)
