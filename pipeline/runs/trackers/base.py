"""Interface of an experiment tracker, to which the events of one run are sent."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from pipeline.runs.events import Event

PROJECT = "otogura"
Status = Literal["finished", "interrupted", "failed", "running"]


@dataclass(frozen=True)
class RunDescription:
    """Description of a run, from the first of its events.

    Attributes
    ----------
    folder : Path
        Of the run; files that a tracker writes belong there.
    identity : str
        Unique among all runs, and the same whenever this one is sent.
    name : str
        Of the experiment, with the fold if it has any.
    experiment : str
    began_s : float
        In seconds since 1970.
    settings : dict
        Of the model, the training and the data.
    """

    folder: Path
    identity: str
    name: str
    experiment: str
    began_s: float
    settings: dict[str, Any]

    @classmethod
    def of(cls, first: Event, folder: Path) -> "RunDescription":
        experiment, fold = first["experiment"], first["fold"]
        name = experiment if fold is None else f"{experiment}/fold-{fold}"
        outer = {"event", "version", "work", "run", "time_s"}
        settings = {key: value for key, value in first.items() if key not in outer}
        return cls(folder.resolve(), first["run"], name, experiment, first["time_s"], settings)

    def flat_settings(self) -> dict[str, str]:
        """Return the settings as text, by names such as `training.epochs`."""
        return dict(_flat(self.settings, ""))


class Tracker(Protocol):
    """Connection to a tracker for one run, which it opens, or creates where the tracker has no such run.

    Attributes
    ----------
    package : str
        The module that it needs, which is imported only when one is made.
    installation : str
        The command that installs it.
    epochs : int
        The number of epochs that the tracker has from an earlier replay.
    """

    package: ClassVar[str]
    installation: ClassVar[str]
    epochs: int

    def __init__(self, run: RunDescription, uri: str | None) -> None: ...

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        """Return the exceptions by which the package says that something is missing, wrong or out of reach."""
        ...

    def log_epoch(self, epoch: int, values: dict[str, float], time_s: float) -> None:
        """Send the values of an epoch, which ended at a time in seconds since 1970; epochs count from 0."""
        ...

    def log_scores(self, scores: dict[str, float], epoch: int, time_s: float) -> None:
        """Send the scores of a run that ended with an epoch; again where a run has ended before."""
        ...

    def close(self, status: Status, time_s: float) -> None:
        """Send what is left, and how the run ended."""
        ...


def _flat(settings: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            pairs.append((f"{prefix}{name}", text))
    return pairs
