"""Answers for many recordings: their windows are computed ahead by threads, and share the batches of the network."""

from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Full, Queue
from threading import Event
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from training.inference.answers import Heard, Prediction
from training.inference.windows import Window
from training.tasks import Task

if TYPE_CHECKING:
    from training.inference.model import TrainedModel

WAITING = 4  # windows of one recording that are computed ahead
LOOK_S = 0.1  # between two looks of a waiting thread whether it is to stop

Key = TypeVar("Key")
MakeWindows = Callable[[], Iterator[Window]]


class WindowLog:
    """Places and outputs of the windows of one recording that the network has seen, without their tensors."""

    def __init__(self) -> None:
        self._places, self._logits = array("d"), array("f")

    def add(self, window: Window, logits: np.ndarray) -> None:
        """Note the logits `(classes,)` of the next window."""
        self._places.extend((window.start_s, window.end_s, window.weight))
        self._logits.extend(logits.tolist())

    def heard(self, task: Task) -> Heard:
        """Return all windows so far, of which there is at least one, for a model of a task."""
        start_s, end_s, weight = np.array(self._places).reshape(-1, 3).T
        return Heard(start_s, end_s, weight, np.array(self._logits, np.float32).reshape(len(start_s), -1), task)


class _Hearing(Generic[Key]):
    """Recording that is being answered."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.error: ValueError | OSError | None = None
        self.ended = False
        self.pending = 0  # windows in a batch
        self.log = WindowLog()

    @property
    def done(self) -> bool:
        return self.error is not None or (self.ended and not self.pending)

    def add(self, window: Window, logits: np.ndarray) -> None:
        self.pending -= 1
        self.log.add(window, logits)


def answer_all(
    model: "TrainedModel", recordings: Iterable[tuple[Key, Iterator[Window]]]
) -> Iterator[tuple[Key, Prediction | ValueError | OSError]]:
    """Yield an answer for each recording, in their order: the prediction, or the error of one that has none.

    Batches follow from the order of the windows alone, so that the same recordings give the same numbers again.
    """
    waiting: deque[_Hearing[Key]] = deque()
    batch: list[tuple[_Hearing[Key], Window]] = []

    def run_batch() -> None:
        rows = model.logits([window.tensor for _, window in batch])
        for (hearing, window), row in zip(batch, rows, strict=True):
            hearing.add(window, row)
        batch.clear()

    def finished() -> Iterator[tuple[Key, Prediction | ValueError | OSError]]:
        while waiting and waiting[0].done:
            hearing = waiting.popleft()
            yield hearing.key, hearing.error or model.judge.prediction(hearing.log.heard(model.judge.task))

    for key, windows in recordings:
        hearing = _Hearing(key)
        waiting.append(hearing)
        try:
            for window in windows:
                batch.append((hearing, window))
                hearing.pending += 1
                if len(batch) == model.batch:
                    run_batch()
                    yield from finished()
        except (ValueError, OSError) as error:
            hearing.error = error
        hearing.ended = True
        yield from finished()
    if batch:
        run_batch()
    yield from finished()


def computed_ahead(
    recordings: Iterable[tuple[Key, MakeWindows]], workers: int
) -> Generator[tuple[Key, Iterator[Window]], None, None]:
    """Yield the recordings with their windows, which that many threads compute ahead of whoever takes them.

    A few windows of each of a few recordings are held at a time. Closing the iterator stops the threads.
    """
    stop = Event()
    running: deque[tuple[Key, Queue[Any], Future[None]]] = deque()

    with ThreadPoolExecutor(workers, thread_name_prefix="otogura-windows") as threads:

        def start(key: Key, make: MakeWindows) -> None:
            queue: Queue[Any] = Queue(WAITING)
            running.append((key, queue, threads.submit(_fill, queue, make, stop)))

        try:
            for recording in recordings:
                start(*recording)
                if len(running) > 2 * workers:
                    yield _taken(*running.popleft())
            while running:
                yield _taken(*running.popleft())
        finally:
            stop.set()
            for _, _, future in running:
                future.cancel()


def _taken(key: Key, queue: "Queue[Any]", future: "Future[None]") -> tuple[Key, Iterator[Window]]:
    def windows() -> Iterator[Window]:
        while (window := queue.get()) is not _END:
            yield window
        future.result()  # raises what ended it

    return key, windows()


def _fill(queue: "Queue[Any]", make: MakeWindows, stop: Event) -> None:
    try:
        for window in make():
            if not _put(queue, window, stop):
                return
    finally:
        _put(queue, _END, stop)


def _put(queue: "Queue[Any]", value: object, stop: Event) -> bool:
    """Put a value into a queue as soon as there is room; return False if nobody will take it any more."""
    while not stop.is_set():
        try:
            queue.put(value, timeout=LOOK_S)
        except Full:
            continue
        return True
    return False


_END = object()
