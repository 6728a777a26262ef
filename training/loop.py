"""The training loop: epochs, steps and validation, and an end anywhere from which the same command goes on."""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from training.checkpoints import Checkpoints
from training.errors import OutOfTime
from training.interruption import Interruption
from training.learner import Epoch, Learner
from training.settings import Training
from training.stream import ClipStream

log = logging.getLogger("otogura")

BeforeEpoch = Callable[[list[Epoch], nn.Module], None]  # is given the history so far and the network; may raise


def run_epochs(
    learner: Learner,
    train: ClipStream,
    validation: ClipStream | None,
    settings: Training,
    checkpoints: Checkpoints,
    *,
    before_epoch: BeforeEpoch | None = None,
    until: float | None = None,
) -> None:
    """Train from where the learner and its stream are until the last epoch, or until patience ends.

    Raises `OutOfTime` when `until` comes on the monotonic clock, and ends the process as others end where it is
    interrupted: in both cases after a checkpoint, and one step at least.
    """
    with Interruption() as interruption:

        def stop_if_asked(ends_at: float) -> None:
            """Stop if interrupted, or if what comes next would end too late."""
            late = until is not None and ends_at > until
            if not late and interruption.signal is None:
                return
            checkpoints.save(learner, train)
            interruption.end()
            place = f"epoch {len(learner.history) + 1} of {settings.epochs}, after {learner.batches} batches"
            raise OutOfTime(f"max_time has come in {place}; the same command goes on")

        while not checkpoints.ended(learner.history):
            if before_epoch is not None:
                before_epoch(learner.history, learner.network)
            epoch_began = began = saved = time.monotonic()
            train.set_epoch(len(learner.history))
            with _progress(learner, settings, len(train)) as advance:
                for batch in train:
                    first = learner.batches // settings.accumulate * settings.accumulate  # of this step
                    learner.learn(batch, addends=min(settings.accumulate, len(train) - first))
                    if learner.batches % settings.accumulate and learner.batches < len(train):
                        continue
                    learner.step()
                    advance(learner.batches)
                    now = time.monotonic()
                    stop_if_asked(ends_at=now + (now - began))
                    if now - saved >= settings.checkpoint_every.total_seconds():
                        checkpoints.save(learner, train)
                        now = saved = time.monotonic()
                    began = now
            for batch in () if validation is None else validation:
                learner.validate(batch)
                stop_if_asked(ends_at=-math.inf)  # however long it takes: what begins with it would never end
            _log_epoch(learner.end_epoch(), settings, time.monotonic() - epoch_began)
            train.set_epoch(len(learner.history))
            checkpoints.save_epoch(learner, train)
            if not checkpoints.ended(learner.history):
                stop_if_asked(ends_at=time.monotonic())
        interruption.end()


def _log_epoch(epoch: Epoch, settings: Training, seconds: float) -> None:
    named = ("train_loss", "validation_loss", "validation_accuracy")
    scores = ", ".join(f"{name.replace('_', ' ')} {epoch[name]:.3f}" for name in named if name in epoch)
    number = int(epoch["epoch"]) + 1
    log.info("epoch %d/%d: %s, %.1f s", number, settings.epochs, scores.removeprefix("train "), seconds)


@contextmanager
def _progress(learner: Learner, settings: Training, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar for one epoch, which disappears with it, on a terminal that no other process shares."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    shown = sys.stderr.isatty() and parent_process() is None
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        name = f"epoch {len(learner.history) + 1}/{settings.epochs}"
        if losses := [row["validation_loss"] for row in learner.history if "validation_loss" in row]:
            name += f", best validation loss {min(losses):.3f}"
        task = bar.add_task(name, total=total, completed=learner.batches, rate="")

        def advance(batches: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=batches, rate="" if speed is None else f"{speed:.1f} batches/s")

        yield advance
