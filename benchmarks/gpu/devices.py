"""The device that is measured, and the time that it waits for its next batch."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

import torch

Mark = float | torch.cuda.Event


def precisions(device: torch.device) -> tuple[str, ...]:
    """Return the precisions that the device computes itself; a CPU only imitates float16."""
    return ("float32", "bfloat16", "float16") if device.type == "cuda" else ("float32", "bfloat16")


def finished(device: torch.device, function: Callable[[], object]) -> Callable[[], None]:
    """Return a function that also waits until the device has done all that it was given."""

    def run() -> None:
        function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run


class WaitingMeter:
    """Meter of the time that a device waits for its next batch.

    On a GPU it is the time between the end of a step and the beginning of the next one, by events in the order of its
    own work: while it computes, the host may wait for data at no cost.
    """

    def __init__(self, device: torch.device) -> None:
        self._mark: Callable[[], Mark] = partial(_event, device) if device.type == "cuda" else perf_counter
        self._marks: list[Mark] = []  # the end of a step and the beginning of the next in turn, and the last end

    def over(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Give batches, and begin anew to measure."""
        self._marks = [self._mark()]
        for batch in batches:
            self._marks.append(self._mark())
            yield batch
            self._marks.append(self._mark())

    @property
    def share(self) -> float:
        """Return the share of the time of the batches that was waiting, when the device has finished."""
        waits = zip(self._marks[:-1:2], self._marks[1::2], strict=True)
        return sum(_seconds(*wait) for wait in waits) / _seconds(self._marks[0], self._marks[-1])


def _event(device: torch.device) -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's
    event.record(torch.cuda.current_stream(device))
    return event


def _seconds(begin: Mark, end: Mark) -> float:
    if isinstance(begin, torch.cuda.Event) and isinstance(end, torch.cuda.Event):
        return begin.elapsed_time(end) / 1000
    assert isinstance(begin, float)
    assert isinstance(end, float)
    return end - begin
