"""Progress of an epoch: a bar on a terminal and in notebooks."""

import math
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from training.console import bar_console
from training.settings import Training


def epoch_name(epoch: int, epochs: int, label: str = "") -> str:
    """Return the name of an epoch, which counts from 0, with the label of its run before it."""
    return (f"{label}, " if label else "") + f"epoch {epoch + 1}/{epochs}"


def best_loss(history: Sequence[Mapping[str, float]]) -> str:
    """Return the lowest validation loss so far as text; nothing before there is one, or where no clip validates."""
    losses = [row["validation_loss"] for row in history if math.isfinite(row.get("validation_loss", math.nan))]
    return f"best loss {min(losses):.3f}" if losses else ""


class _ClipRate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} clips/s" if task.speed else "")


class EpochBar:
    """Bar of one epoch in clips, with their rate, the time that remains and the lowest validation loss so far.

    Use as a context. It disappears with the epoch, whose line in the log remains. Files and pipes get that line alone.

    Parameters
    ----------
    history : sequence of Epoch
        The epochs before this one.
    settings : Training
    label : str
        Name of the run among others.
    batches : int
        Number of batches in the epoch.
    batch_size : int
        Clips of a batch.
    """

    def __init__(
        self, history: Sequence[Mapping[str, float]], settings: Training, label: str, batches: int, batch_size: int
    ) -> None:
        console, self._batch_size = bar_console(), batch_size
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            _ClipRate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[best]}", markup=False),
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=console is None)
        name = epoch_name(len(history), settings.epochs, label)
        self._task = self._bar.add_task(name, total=batches * batch_size, best=best_loss(history))

    def __enter__(self) -> "EpochBar":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, batches: int) -> None:
        """Show the batches of the epoch that were learned from before the run was broken off, which have no rate."""
        self._bar.reset(self._task, completed=batches * self._batch_size)

    def advance(self, batches: int) -> None:
        """Show that so many batches of the epoch have been learned from."""
        self._bar.update(self._task, completed=batches * self._batch_size)
