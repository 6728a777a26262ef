"""Lanes: threads that answer the recordings of all requests in turns; windows of many share a network's batches."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Condition, Thread

import torch

from pipeline.serve.jobs import Job, Listening
from pipeline.serve.models import ServedModel
from pipeline.serve.refusals import Refusal
from training.inference.windows import Window

TURN = 16  # windows
MOST_BEGUN = 256  # recordings, each of which has a file open and about 2 MB of samples in memory

Waiting = tuple[Job, Listening | None]  # without a recording, its body is yet to be read


class Lanes:
    """Threads that answer requests.

    In a turn a lane takes its share of the recordings that wait, computes windows of each, and sends those of one
    model through the network together. A turn is of 16 windows or one batch, so that short recordings wait for little
    of a long one, and the work for a client that has left ends soon. Of a request with many files some are held back
    while many others are begun. A network that is worth several threads has those of the lanes that rest.

    Parameters
    ----------
    count : int
    models : mapping
        By their names.
    read : callable
        Reads the body of a request, which has its recordings then. Raises `Refusal`.
    finish : callable
        Called with each request that is answered, and the refusal if there is one.
    on_batch : callable
        Called with the number of windows of each batch.
    """

    def __init__(
        self,
        count: int,
        models: Mapping[str, ServedModel],
        *,
        read: Callable[[Job], None],
        finish: Callable[[Job, Refusal | None], None],
        on_batch: Callable[[int], None],
    ) -> None:
        self._count = count
        self._turn = min(TURN, *(served.model.batch for served in models.values()))
        self._models = models
        self._read, self._finish, self._on_batch = read, finish, on_batch
        self._waiting: deque[Waiting] = deque()
        self._held: deque[Waiting] = deque()
        self._begun = 0
        self._changed = Condition()
        self._busy = 0

    def start(self) -> None:
        """Start the threads, which end with the process."""
        for number in range(self._count):
            Thread(target=self._run, name=f"otogura-lane-{number}", daemon=True).start()

    def add(self, waiting: Sequence[Waiting]) -> None:
        """Add requests, or recordings of theirs."""
        with self._changed:
            self._waiting.extend(waiting)
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            self.add(self._hear(*self._take()))
            with self._changed:
                self._busy -= 1

    def _take(self) -> tuple[list[Waiting], int]:
        """Return what this lane answers now, once there is something, and the threads that it may use."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            self._busy += 1
            share = min(self._turn, -(-len(self._waiting) // self._count))
            return [self._waiting.popleft() for _ in range(share)], max(1, self._count // self._busy)

    def _hear(self, chosen: Sequence[Waiting], threads: int) -> list[Waiting]:
        """Hear some windows of each recording; return the recordings that have more."""
        recordings = [one for job, listening in chosen for one in self._recordings(job, listening)]
        now, later = recordings[: self._turn], list[Waiting](recordings[self._turn :])
        share = self._turn // max(1, len(now))
        windows: dict[str, list[tuple[Listening, Window]]] = {}
        for job, listening in now:
            if not job.cancelled.is_set():
                batch = windows.setdefault(job.options.model, [])
                batch.extend((listening, window) for window in listening.take(share))
        for name, batch in windows.items():
            if batch:
                self._hear_batch(self._models[name], batch, threads)
        for job, listening in now:
            if not listening.done and not job.cancelled.is_set():
                later.append((job, listening))
            elif self._is_last(job):
                self._finish(job, None)
        return later

    def _recordings(self, job: Job, listening: Listening | None) -> list[tuple[Job, Listening]]:
        """Return the recording that waits, or those of a body, which is read now."""
        if listening is not None:
            return [(job, listening)]
        if job.cancelled.is_set():  # its body may be gone
            self._finish(job, None)
            return []
        try:
            self._read(job)
        except Refusal as refusal:
            self._finish(job, refusal)
        return self._begin(job)

    def _begin(self, job: Job) -> list[tuple[Job, Listening]]:
        """Return the recordings of a request, at least one; hold back those that are too many beside others."""
        recordings = [(job, each) for each in job.listenings]
        with self._changed:
            count = max(1, MOST_BEGUN - self._begun)
            begun, held = recordings[:count], recordings[count:]
            self._begun += len(begun)
            self._held.extend(held)
        return begun

    def _hear_batch(self, served: ServedModel, windows: Sequence[tuple[Listening, Window]], threads: int) -> None:
        self._on_batch(len(windows))
        torch.set_num_threads(min(threads, served.threads))  # of this lane alone
        rows = served.model.logits([window.tensor for _, window in windows])
        for (listening, window), logits in zip(windows, rows, strict=True):
            listening.add(window, logits)

    def _is_last(self, job: Job) -> bool:
        """Note that one more recording is finished; return True if the request has no other."""
        with self._changed:
            job.unfinished -= 1
            self._begun -= 1
            if self._held and self._begun < MOST_BEGUN:
                self._begun += 1
                self._waiting.append(self._held.popleft())
                self._changed.notify()
            return not job.unfinished
