"""The training loop: epochs, steps and validation, and an end anywhere from which the same command goes on."""

import logging
import math
import signal
import time
from collections.abc import Callable, Sequence

from torch import nn

from training.checkpoints import Checkpoints
from training.divergence import divergence
from training.errors import NotFinite, OutOfTime
from training.history import best_epoch
from training.interruption import Interruption
from training.learner import Epoch, Learner
from training.progress import EpochBar, epoch_name
from training.ranks import ALONE, Ranks
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
    label: str = "",
    ranks: Ranks = ALONE,
) -> None:
    """Train from where the learner and its stream are until the last epoch, or until patience ends.

    `label` names the run among others, such as its fold, before the number of each epoch. Of several ranks the first
    one writes checkpoints and lines, and all stop after one step.

    Raises `OutOfTime` when `until` comes on the monotonic clock, and ends the process as others end where it is
    interrupted: in both cases after a checkpoint, and one step at least.
    """
    with Interruption() as interruption:

        def save() -> None:
            if ranks.first:
                checkpoints.save(learner, train)

        def stop_if_asked(ends_at: float) -> None:
            """Stop if interrupted, or if what comes next would end too late."""
            late, number = ranks.largest(until is not None and ends_at > until, interruption.signal or 0)
            if not late and not number:
                return
            save()
            ranks.wait()  # the first one may still be writing
            interruption.signal = signal.Signals(number) if number else None
            interruption.end()
            place = f"epoch {len(learner.history) + 1} of {settings.epochs}, after {learner.batches} batches"
            raise OutOfTime(f"max_time has come in {place}; the same command goes on")

        while not checkpoints.ended(learner.history):
            if before_epoch is not None:
                before_epoch(learner.history, learner.network)
            epoch_began = began = saved = time.monotonic()
            train.set_epoch(len(learner.history))
            with EpochBar(learner.history, settings, label, len(train), train.global_batch) as bar:
                bar.begin(learner.batches)
                for batch in train:
                    first = learner.batches // settings.accumulate * settings.accumulate  # of this step
                    addends = min(settings.accumulate, len(train) - first)
                    last = learner.batches + 1 == first + addends
                    learner.learn(batch, addends=addends, last=last)
                    if not last:
                        continue
                    learner.step()
                    bar.advance(learner.batches)
                    now = time.monotonic()
                    stop_if_asked(ends_at=now + (now - began))
                    if now - saved >= settings.checkpoint_every.total_seconds():
                        save()
                        now = saved = time.monotonic()
                    began = now
            for batch in () if validation is None else validation:
                learner.validate(batch)
                stop_if_asked(ends_at=-math.inf)  # however long it takes: what begins with it would never end
            try:
                epoch = learner.end_epoch()
            except NotFinite as error:
                raise divergence(train, error, ranks) from None
            _log_epoch(epoch, settings, label, time.monotonic() - epoch_began)
            train.set_epoch(len(learner.history))
            if ranks.first:
                checkpoints.save_epoch(learner, train)
            if not checkpoints.ended(learner.history):
                stop_if_asked(ends_at=time.monotonic())
        interruption.end()
        _log_end(learner.history, settings, label)


def _log_epoch(epoch: Epoch, settings: Training, label: str, seconds: float) -> None:
    named = ("train_loss", "validation_loss", "validation_accuracy")
    scores = ", ".join(f"{name.replace('_', ' ')} {epoch[name]:.3f}" for name in named if name in epoch)
    place = epoch_name(int(epoch["epoch"]), settings.epochs, label)
    log.info("%s: %s, %.1f s", place, scores.removeprefix("train "), seconds)


def _log_end(history: Sequence[Epoch], settings: Training, label: str) -> None:
    """Say why a run ends before its last epoch, if it does."""
    if len(history) < settings.epochs:
        best = epoch_name(best_epoch(history), settings.epochs, label)
        log.info("training ends: the validation loss has not improved since %s (patience %d)", best, settings.patience)
