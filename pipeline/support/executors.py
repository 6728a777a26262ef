"""Running independent tasks in workers, by joblib or by dask. Every worker computes with one thread."""

import warnings
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal, TypeVar

from threadpoolctl import threadpool_limits

from pipeline.support.errors import InputError

WORKER_LOST = "a worker process was killed, perhaps for want of memory; with fewer --cores, type the same command again"

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Needs:
    """Absolute paths that a worker has to see for a task: those that it reads, and folders that it writes to."""

    read: tuple[Path, ...] = ()
    written: tuple[Path, ...] = ()


@dataclass(frozen=True)
class TaskRunner:
    """Runner of tasks in `workers` processes or threads here, or in those of a dask scheduler that runs already."""

    name: Literal["joblib", "dask", "threads"] = "joblib"
    workers: int = 1
    scheduler: str | None = None

    @classmethod
    def named(cls, text: str, workers: int) -> "TaskRunner":
        """Return the runner that is named `joblib` or `dask`, or whose scheduler has this address or file."""
        if text in ("joblib", "dask"):
            return cls(text, workers)  # type: ignore[arg-type]
        return cls("dask", workers, text)

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        count: int,
        *,
        needs: Callable[[Task], Needs] = lambda task: Needs(),
        count_workers: Callable[[int], None] = lambda count: None,
    ) -> Generator[Result, None, None]:
        """Results of `count` tasks in the order in which they finish; only a few tasks wait at a time.

        A worker of a cluster that does not see the `needs` of a task gets none; `count_workers` is called with the
        number of workers of a cluster whenever it has changed.
        """
        workers = min(self.workers, count)
        if count and self.name == "dask":
            from pipeline.support.cluster import run_on_cluster

            yield from run_on_cluster(
                function,
                tasks,
                count,
                scheduler=self.scheduler,
                workers=workers,
                needs=needs,
                count_workers=count_workers,
            )
        elif count:
            yield from self._joblib(function, tasks, workers)

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


class _Nothing(Enum):
    """The result of a call that only wakes a worker; there is one of it in every process."""

    NOTHING = 0


_NOTHING = _Nothing.NOTHING


def _nothing(function: Callable[[Task], Result]) -> _Nothing:
    return _NOTHING


def _single_threaded(function: Callable[[Task], Result], task: Task) -> Result:
    with threadpool_limits(limits=1):
        return function(task)
