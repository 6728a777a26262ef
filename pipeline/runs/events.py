"""Events of a run, one JSON object a line of `events.jsonl`: appended while it trains, read by whatever reports it."""

import json
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.support.errors import InputError
from stores.files import digest, replacing

EVENTS = "events.jsonl"
VERSION = 1
FINISHED = "finished"  # status of an end

Event = dict[str, Any]


class EventWriter:
    """Writer of the events of one run, which goes on where the run was broken off.

    The file of other work in the same folder is begun anew. What a power cut has left of a line is cut off; epochs are
    in the checkpoint as well, so that those that are missing are written again, and no write has to wait for the disk.

    Parameters
    ----------
    folder : Path
    settings : dict
        The fields of the first event, which describe the run; `device` is what trains it now.
    work : bytes
        All that decides the result: another value is other work.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], work: bytes) -> None:
        self._path = folder / EVENTS
        self._finished: Event | None = None  # the end that the file has, without its time, until something is added
        events, size = _sound_events(self._path)
        first = {"event": "run", "version": VERSION, "work": digest(work)}
        if events and first.items() <= events[0].items():
            os.truncate(self._path, size)
            self._epochs = {event["epoch"] for event in events if event["event"] == "epoch"}
            last = {name: value for name, value in events[-1].items() if name != "time_s"}
            if last.get("status") == FINISHED:
                self._finished = last
            else:
                self._append({"event": "resume", "device": settings["device"]})
            return
        self._epochs = set()
        with replacing(self._path) as file:
            file.write(_line({**first, "run": secrets.token_hex(8), "time_s": _now(), **settings}))

    def write_epochs(self, history: Sequence[dict[str, float]], *, from_checkpoint: bool = False) -> None:
        """Append those epochs of a history that the file lacks.

        Those that come from a checkpoint are marked so: they ended before, at a time that is not known.
        """
        origin = {"from_checkpoint": True} if from_checkpoint else {}
        for epoch in history:
            if epoch["epoch"] not in self._epochs:
                self._epochs.add(epoch["epoch"])
                self._append({"event": "epoch", **epoch, **origin})

    def write_end(self, status: str, **fields: Any) -> None:
        """Append how training ended: finished, interrupted or failed."""
        end = {"event": "end", "status": status, **fields}
        if json.loads(_line(end)) != self._finished:
            self._append(end)

    def _append(self, event: Event) -> None:
        resumed: list[Event] = [{"event": "resume"}] if self._finished else []
        self._finished = None
        with open(self._path, "ab") as file:
            for added in (*resumed, event):
                file.write(_line({"event": added["event"], "time_s": _now(), **added}))


def read_events(path: Path, more: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Yield the events of a file, as far as their lines are complete.

    Parameters
    ----------
    path : Path
    more : callable
        Called at the end of the file; may wait, and returns whether to look for another event.

    Raises
    ------
    InputError
        For a line that is no event.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(_lines(file, more), start=1):
            event = _parsed(line)
            if event is None:
                raise InputError(f"{path}, line {number}: expected an event as JSON, got {line[:40]!r}")
            yield event


def _lines(file: BinaryIO, more: Callable[[], bool]) -> Iterator[bytes]:
    while True:
        line = file.readline()
        if line.endswith(b"\n"):
            yield line
            continue
        file.seek(-len(line), os.SEEK_CUR)
        if not more():
            return


def _sound_events(path: Path) -> tuple[list[Event], int]:
    """Return the events before the first line that is torn or damaged, and the length of their lines in bytes."""
    events: list[Event] = []
    size = 0
    if not path.is_file():
        return events, size
    for line in path.read_bytes().splitlines(keepends=True):
        event = _parsed(line)
        if event is None or not line.endswith(b"\n"):
            break
        events.append(event)
        size += len(line)
    return events, size


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:  # no UTF-8, no JSON
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _line(event: Event) -> bytes:
    """Return an event as JSON, in which a number that is not finite is null."""
    return json.dumps(_finite(event), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _now() -> float:
    """Return the wall-clock time in seconds since 1970."""
    return round(time.time(), 3)
