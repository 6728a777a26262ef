"""Replay of a run's events into a tracker: `python -m pipeline.runs.follow FOLDER --to TRACKER`.

It is a process of its own, so that training imports no tracker and opens no connection.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runs.events import EVENTS, VERSION, Event, read_events
from pipeline.runs.trackers import TRACKERS, tracker_of
from pipeline.runs.trackers.base import RunDescription, Status, Tracker
from pipeline.support.errors import InputError

POLL_S = 1.0
LIMIT_S = 120.0  # in which a tracker that is followed live answers


def replay(folder: Path, name: str, uri: str | None = None) -> int:
    """Send all events of a run to a tracker, but for those that it has. Return the number of epochs in the file.

    Raises
    ------
    InputError
        Where the folder has no events, or the tracker is not installed, not configured or does not answer.
    """
    path = folder / EVENTS
    if not path.is_file():
        raise InputError(f"{folder}: expected the folder of a run, with {EVENTS}, found none")
    with connecting(name) as kind:
        return send(read_events(path), kind, folder, uri)


def follow(folder: Path, name: str, parent: int, limit_s: float = LIMIT_S) -> None:
    """Send events as they are written, until the run or the process `parent`, which trains it, ends.

    Raises `InputError` as `replay` does.
    """
    events = Live(parent).of(folder / EVENTS)
    with connecting(name) as kind:
        send(events, kind, folder, None, unended="interrupted", limit_s=limit_s)


@contextmanager
def connecting(name: str) -> Iterator[type[Tracker]]:
    """Yield the class of a tracker; what its package raises becomes an `InputError` of one line."""
    kind = tracker_of(name)
    try:
        yield kind
    except kind.errors() as error:
        raise InputError(f"{name}: {' '.join(str(error).split()) or type(error).__name__}") from None


class Live:
    """Events of a run that is being trained; they end with it."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._ended = False

    def of(self, path: Path) -> Iterator[Event]:
        """Yield the events of a file."""
        for event in read_events(path, self._more):
            self._ended = event["event"] == "end"  # a run that was broken off may go on after one
            yield event

    def _more(self) -> bool:
        if self._ended or os.getppid() != self._parent:
            return False
        time.sleep(POLL_S)
        return True


def send(
    events: Iterable[Event],
    kind: type[Tracker],
    folder: Path,
    uri: str | None,
    *,
    unended: Status = "running",
    limit_s: float | None = None,
) -> int:
    """Send events to a tracker, but for epochs that it has; return the number of epochs.

    Parameters
    ----------
    events : iterable of Event
        The first one describes the run.
    kind : type of Tracker
    folder : Path
        Of the run.
    uri : str, optional
        Where the tracker is.
    unended : "running" or "interrupted"
        The status of a run whose last event is no end.
    limit_s : float, optional
        The process ends where the tracker takes longer to answer.
    """
    rest = iter(events)
    first = next(rest, None)
    if first is None or first["event"] != "run" or first["version"] != VERSION:
        raise InputError(f"{folder / EVENTS}: expected events of version {VERSION}")
    with answering(limit_s):
        tracker = kind(RunDescription.of(first, folder), uri)
    epochs, status, time_s = 0, unended, first["time_s"]
    for event in rest:
        status, time_s = unended, event["time_s"]
        with answering(limit_s):
            if event["event"] == "epoch":
                epochs += 1
                if event["epoch"] >= tracker.epochs:
                    values = numbers(event, but={"epoch", "time_s", "from_checkpoint"})
                    tracker.log_epoch(event["epoch"], values, time_s)
            elif event["event"] == "end":
                status = event["status"]
                scores = {f"result/{score}": value for score, value in numbers(event.get("scores", {})).items()}
                tracker.log_scores(scores, max(0, epochs - 1), time_s)
    with answering(limit_s):
        tracker.close(status, time_s)
    return epochs


def numbers(event: Event, but: Iterable[str] = ()) -> dict[str, float]:
    """Return the numbers of an event by name; one that is not finite is null there, and left out."""
    return {name: float(value) for name, value in event.items() if isinstance(value, int | float) and name not in but}


@contextmanager
def answering(limit_s: float | None) -> Iterator[None]:
    """End this process if what is done in the context takes longer: libraries may wait for ever for a server."""

    def give_up() -> None:
        print(f"the tracker has not answered in {limit_s:g} s", file=sys.stderr, flush=True)
        os._exit(1)

    timer = None if limit_s is None else threading.Timer(limit_s, give_up)
    if timer is None:
        yield
        return
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", choices=TRACKERS, required=True)
    parser.add_argument("--parent", type=int, required=True, help="process that trains the run")
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="seconds in which the tracker answers")
    arguments = parser.parse_args()
    os.nice(19)  # the processor is for training
    try:
        follow(arguments.folder, arguments.to, arguments.parent, arguments.limit_s)
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
