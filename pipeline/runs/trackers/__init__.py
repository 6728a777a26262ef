"""Experiment trackers by name, one file each; `base.Tracker` says what each does."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

from pipeline.support.errors import InputError

if TYPE_CHECKING:
    from pipeline.runs.trackers.base import Tracker

TrackerName = Literal["tensorboard", "mlflow", "clearml", "wandb"]
TRACKERS: tuple[TrackerName, ...] = get_args(TrackerName)


def tracker_of(name: str) -> "type[Tracker]":
    """Return the class of a tracker. Raises `InputError` where there is none, or its package is not installed."""
    if name not in TRACKERS:
        raise InputError(f"{name}: expected one of the trackers {', '.join(TRACKERS)}")
    kind: type[Tracker] = import_module(f"{__name__}.{name}").TRACKER
    if find_spec(kind.package) is None:
        raise InputError(f"{name}: the package {kind.package} is not installed; to install it: {kind.installation}")
    return kind
