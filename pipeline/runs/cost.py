"""Cost of training, from the times of a run's events."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.runs.events import EVENTS, Event, read_events
from pipeline.support.errors import InputError
from training.report.cost import TrainingCost


def training_cost(folders: Sequence[Path]) -> TrainingCost | None:
    """Return the cost of single runs together; None where one was not timed, as when its weights were there before."""
    costs = [_cost(folder / EVENTS) for folder in folders]
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    devices = dict.fromkeys(device for cost in known for device in cost.devices)
    return TrainingCost(sum(cost.seconds for cost in known), sum(cost.epochs for cost in known), tuple(devices))


def _cost(path: Path) -> TrainingCost | None:
    if not path.is_file():
        return None
    try:
        events = list(read_events(path))
    except InputError:  # a damaged line, whose time is not known
        return None
    parts: list[list[Event]] = []
    for event in events:
        if event["event"] in ("run", "resume"):
            parts.append([])
        if parts:
            parts[-1].append(event)
    last = max((place for place, part in enumerate(parts) if _epochs(part)), default=-1)
    # What follows the last epoch evaluates.
    training = [(part, _seconds(part, ended=place < last)) for place, part in enumerate(parts[: last + 1])]
    epochs = sum(not event.get("from_checkpoint") for part, _ in training for event in _epochs(part))
    if not epochs:
        return None
    devices = dict.fromkeys(part[0]["device"] for part, seconds in training if seconds and "device" in part[0])
    return TrainingCost(sum(seconds for _, seconds in training), epochs, tuple(devices))


def _epochs(part: Sequence[Event]) -> list[Event]:
    return [event for event in part if event["event"] == "epoch"]


def _seconds(part: Sequence[Event], *, ended: bool) -> float:
    """Return how long a part of a run trained; `ended` if it was broken off while it did.

    A part that was killed has no end: its time counts up to its last epoch.
    """
    ends = [event for event in part if event["event"] == "end"] if ended else []
    trained = [*(event for event in _epochs(part) if not event.get("from_checkpoint")), *ends]
    return max(0.0, trained[-1]["time_s"] - part[0]["time_s"]) if trained else 0.0
