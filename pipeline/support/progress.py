"""Progress of a long job: a bar on a terminal and in notebooks, plain lines elsewhere."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as RichTask
from rich.text import Text

from training.console import bar_console

SECONDS_BETWEEN_LINES = 10.0


class _Rate(ProgressColumn):
    def render(self, task: RichTask) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


class Meter:
    """Counts `total` things up, or as many as there will be. Use as a context; `advance` after each finished piece."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._workers = ""
        self._started = self._printed_at_s = time.monotonic()
        console = bar_console()
        self._bar = None if console is None else self._make_bar(console)

    def _make_bar(self, console: Console) -> Progress:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
        )
        bar = Progress(*columns, console=console)
        bar.add_task(self._what, total=self._total)
        return bar

    def __enter__(self) -> "Meter":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show_workers(self, count: int) -> None:
        """Show the number of workers of a cluster from now on."""
        self._workers = f", {count} worker{'' if count == 1 else 's'}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=f"{self._what}{self._workers}")

    def advance(self, count: int) -> None:
        """Count finished things."""
        self._done += count
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], count)
            return
        now = time.monotonic()
        if self._done == self._total or now - self._printed_at_s >= SECONDS_BETWEEN_LINES:
            self._printed_at_s = now
            rate = self._done / max(now - self._started, 1e-9)
            text = f"{self._what}: {self._done}{self._workers}, {rate:.1f}/s"
            if self._total is not None:
                left_s = (self._total - self._done) / rate
                of_all = f"{self._done}/{self._total}{self._workers}"
                text = f"{self._what}: {of_all}, {rate:.1f}/s, {left_s:.0f} s left"
            print(text, file=sys.stderr, flush=True)
