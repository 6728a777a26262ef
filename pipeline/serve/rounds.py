"""Rounds over the recordings of all requests: windows of many of them share the batches of a network."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from pipeline.serve.jobs import Job, Listening
from training.inference.model import TrainedModel
from training.inference.windows import Window

ROUND = 16  # windows


class Rounds:
    """Requests that are being answered, in rounds that are fair to short recordings.

    Each round takes up to 16 windows: one of each of 16 recordings, or more where fewer wait. Threads decode and
    compute the features; the windows of one model go through its network together.

    Parameters
    ----------
    threads : ThreadPoolExecutor
    on_batch : callable
        Called with the number of windows of each batch.
    """

    def __init__(self, threads: ThreadPoolExecutor, on_batch: Callable[[int], None]) -> None:
        self._threads = threads
        self._on_batch = on_batch
        self._jobs: dict[int, Job] = {}
        self._waiting: deque[tuple[Job, Listening]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Add a request whose recordings are known."""
        self._jobs[job.number] = job
        self._waiting.extend((job, listening) for listening in job.listenings)

    def run(self) -> Iterator[Job]:
        """Run one round; yield the requests that are finished by it, also those that have been cancelled."""
        chosen = [self._waiting.popleft() for _ in range(min(ROUND, len(self._waiting)))]
        share = ROUND // max(1, len(chosen))
        taken = list(self._threads.map(lambda each: each[1].take(share), chosen))
        self._hear(
            [(listening, window) for (_, listening), windows in zip(chosen, taken, strict=True) for window in windows]
        )
        self._waiting.extend(each for each in chosen if not each[1].done and not each[0].cancelled.is_set())
        for number, job in list(self._jobs.items()):
            if job.done or job.cancelled.is_set():
                del self._jobs[number]
                yield job
        self._waiting = deque(each for each in self._waiting if each[0].number in self._jobs)

    def _hear(self, windows: list[tuple[Listening, Window]]) -> None:
        for model in {id(listening.model): listening.model for listening, _ in windows}.values():
            own = [(listening, window) for listening, window in windows if listening.model is model]
            for start in range(0, len(own), model.batch):
                self._hear_batch(model, own[start : start + model.batch])

    def _hear_batch(self, model: TrainedModel, windows: list[tuple[Listening, Window]]) -> None:
        self._on_batch(len(windows))
        rows = model.logits([window.tensor for _, window in windows])
        for (listening, window), logits in zip(windows, rows, strict=True):
            listening.add(window, logits)
