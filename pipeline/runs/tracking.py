"""Recording of a run as events while it trains, and the processes that follow them into experiment trackers."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import getpid
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.runs.events import FINISHED, EventWriter
from pipeline.runs.run import Run
from stores.files import make_folder
from training.artefact import WEIGHTS
from training.devices import device_name, device_of
from training.errors import OutOfTime
from training.learner import Epoch

log = logging.getLogger("otogura")

LOGS = "tracking"  # the folder of what followers print
FOLLOWER = "pipeline.runs.follow"


@dataclass
class RunEvents:
    """Events of one run as it trains. They begin with the first epoch, when the settings of training are on the disk.

    Attributes
    ----------
    folder : Path
    settings : dict
        As `settings_of` gives them.
    trackers : sequence of str
        Names of trackers, each of which gets a process that follows the events.
    watchers : list of Thread
        One for each such process.
    """

    folder: Path
    settings: dict[str, Any]
    trackers: Sequence[str] = ()
    watchers: list[threading.Thread] = field(default_factory=list)
    _writer: EventWriter | None = None

    def write_epochs(self, history: list[Epoch], network: nn.Module) -> None:
        """Append the epochs that are new; called before each epoch and after the last one."""
        first = self._writer is None
        if self._writer is None:
            self._writer = EventWriter(self.folder, self.settings, (self.folder / "run.json").read_bytes())
            self.watchers += [watcher for name in self.trackers if (watcher := start_follower(self.folder, name))]
        self._writer.write_epochs(history, from_checkpoint=first)

    def write_scores(self, metrics: dict[str, Any]) -> None:
        """Append the numbers among the metrics and the names of the files, as the end of a run that is finished."""
        scores = {
            name: value
            for name, value in metrics.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        self.write_end(FINISHED, scores=scores, files=["metrics.json", "report.html", WEIGHTS])

    def write_end(self, status: str, **fields: Any) -> None:
        """Append an end, if there was a beginning."""
        if self._writer is not None:
            self._writer.write_end(status, **fields)


@contextmanager
def run_events(folder: Path, settings: dict[str, Any], trackers: Sequence[str]) -> Iterator[RunEvents]:
    """Context in which a run is trained; an exception that leaves it is recorded as the end."""
    events = RunEvents(folder, settings, trackers)
    try:
        yield events
    except BaseException as error:
        broken_off = isinstance(error, KeyboardInterrupt | SystemExit | OutOfTime)
        reason = " ".join(str(error).split()) or type(error).__name__
        events.write_end("interrupted" if broken_off else "failed", reason=reason)
        raise


def settings_of(run: Run, name: str, fold: int | None, init_from: Path | None) -> dict[str, Any]:
    """Return what the first event says of a run."""
    setup, manifest = run.setup, run.store.manifest
    return {
        "experiment": name,
        "fold": fold,
        "corpus": manifest["corpus"],
        "store": run.store.identity,
        "classes": run.classes,
        "positive": run.positive,
        "init_from": None if init_from is None else init_from.name,
        "device": device_name(device_of(setup.training)),
        "model": setup.model.model_dump(mode="json"),
        "training": setup.training.model_dump(mode="json"),
    }


def start_follower(folder: Path, tracker: str) -> threading.Thread | None:
    """Start a process that follows the events of a run; return the thread that warns if it fails.

    Training never waits for the process, which outlives it until all events are reported. What it prints goes to
    `tracking/<tracker>.log` in the folder of the run.
    """
    log_path = folder / LOGS / f"{tracker}.log"
    command = [sys.executable, "-m", FOLLOWER, str(folder), "--to", tracker, "--parent", str(getpid())]
    try:
        make_folder(log_path.parent)
        with open(log_path, "wb") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
    except OSError as error:  # no process or no memory for one, a file in the place of the folder
        log.warning("warning: %s is not told of %s: %s", tracker, folder, error)
        return None

    def warn_if_failed() -> None:
        if process.wait():
            log.warning(
                "warning: %s is not told of the rest of %s: %s; training goes on, and otogura track sends it later",
                tracker, folder, _reason(process.returncode, log_path),
            )  # fmt: skip

    watcher = threading.Thread(target=warn_if_failed, name=f"follower of {folder} for {tracker}", daemon=True)
    watcher.start()
    return watcher


def _reason(exit_code: int, log_path: Path) -> str:
    """Return the signal that ended a process, or the last line that it printed."""
    if exit_code < 0:
        return f"signal {-exit_code} ended it"
    lines = [line for line in log_path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"it ended with {exit_code}"
