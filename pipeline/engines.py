"""Running independent tasks in worker processes, by joblib or by dask. Every worker computes with one thread."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, TypeVar

from threadpoolctl import threadpool_limits

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Engine:
    """`workers` processes here, or those of a dask scheduler that runs already."""

    name: Literal["joblib", "dask"] = "joblib"
    workers: int = 1
    scheduler: str | None = None

    @classmethod
    def of(cls, text: str, workers: int) -> "Engine":
        """From `joblib`, `dask`, or the address of a dask scheduler."""
        if text in ("joblib", "dask"):
            return cls(text, workers)  # type: ignore[arg-type]
        return cls("dask", workers, text)

    def run(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """Results in the order in which they finish. Closing the iterator ends the work."""
        if not tasks:
            return iter(())
        return self._dask(function, tasks) if self.name == "dask" else self._joblib(function, tasks)

    def _joblib(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        from joblib import Parallel, delayed, parallel_config

        workers = min(self.workers, len(tasks))
        backend = {"backend": "loky", "inner_max_num_threads": 1} if workers > 1 else {"backend": "sequential"}
        with parallel_config(**backend):
            parallel = Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch="2*n_jobs", batch_size=1)
            with closing(parallel(delayed(_single_threaded)(function, task) for task in tasks)) as results:
                yield from results

    def _dask(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        from dask.distributed import Client, LocalCluster, as_completed

        if self.scheduler is not None:
            cluster = None
            client = Client(self.scheduler)
        else:
            cluster = LocalCluster(
                n_workers=min(self.workers, len(tasks)), threads_per_worker=1, processes=True, dashboard_address=None
            )
            client = Client(cluster)
        try:
            futures = client.map(lambda task: _single_threaded(function, task), tasks, pure=False)
            for future in as_completed(futures):
                yield future.result()
        finally:
            client.close()
            if cluster is not None:
                cluster.close()


def _single_threaded(function: Callable[[Task], Result], task: Task) -> Result:
    with threadpool_limits(limits=1):
        return function(task)
