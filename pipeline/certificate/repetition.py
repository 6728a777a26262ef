"""Training of a finished run once more, in a process of its own that may be killed before a chosen call."""

import math
import signal
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.certificate.faults import TRAINING, end_with_parent, signal_before
from pipeline.certificate.record import read_record
from pipeline.runs.fitting import fit_run
from pipeline.support.errors import InputError
from stores.errors import StoreError
from stores.files import write_json
from training.checkpoints import Checkpoints
from training.errors import TrainingError
from training.learner import Learner

OUTCOME = "outcome.json"

Limit = tuple[int, int]  # finished epochs, and batches of the next one


class _Covered(Exception):
    """End of the steps that are to be covered."""


def train_again(work: Path, name: str, scratch: Path, limit: Limit, kill_before: int | None) -> None:
    """Train a run again in `scratch`, or go on there, up to `limit`; write what came of it as `outcome.json`.

    There is a checkpoint after each step. With `kill_before` the process is killed before that call of `TRAINING`.
    """
    end_with_parent()
    outcome: dict[str, Any] = {}
    learners = _stop_after(limit)
    calls = signal_before(kill_before, signal.SIGKILL, TRAINING)
    try:
        record = read_record(work, name)
        fitted = fit_run(scratch, record.sides, record.run, record.init_from)
        saved = Checkpoints(scratch / "checkpoints", record.run.setup.training).load()
        assert saved is not None
        outcome |= {"ended": True, "weights": digest(fitted.network.state_dict()), "state": digest(saved.learner)}
        outcome |= {"epochs": len(fitted.history), "batches": 0}
    except _Covered:
        learner = learners[0]
        outcome |= {
            "ended": False,
            "weights": digest(learner.network.state_dict()),
            "state": digest(learner.state_dict()),
        }
        outcome |= {"epochs": len(learner.history), "batches": learner.batches}
    except (InputError, StoreError, TrainingError, OSError) as error:
        outcome |= {"error": str(error)}
    outcome |= {"calls": calls(), "threads": torch.get_num_threads()}
    write_json(scratch / OUTCOME, outcome)


def _stop_after(limit: Limit) -> list[Learner]:
    """Have training stop after the first step beyond a limit, and the learner put into the list that is returned."""
    learners: list[Learner] = []
    step = Learner.step

    def stopping(self: Learner) -> None:
        step(self)
        if (len(self.history), self.batches) >= limit:
            learners.append(self)
            raise _Covered

    Learner.step = stopping  # type: ignore[method-assign]
    return learners


def digest(state: Any) -> str:
    """Return a hash of tensors and plain values in dictionaries and lists: of every bit of them."""
    hasher = blake2b(digest_size=16)

    def add(value: Any) -> None:
        if isinstance(value, Tensor):
            hasher.update(f"{value.dtype} {tuple(value.shape)} ".encode())
            hasher.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, Mapping):
            for key in sorted(value, key=str):
                hasher.update(f"{key}: ".encode())
                add(value[key])
        elif isinstance(value, list | tuple):
            for part in value:
                add(part)
        else:
            hasher.update(f"{value!r} ".encode())

    add(state)
    return hasher.hexdigest()


def limit_of(steps: int, steps_per_epoch: int, accumulate: int) -> Limit:
    """Return the limit after so many steps, or one more where they are whole epochs, so that those are finished."""
    epochs, rest = divmod(steps, steps_per_epoch)
    return epochs, max(1, rest * accumulate)


def steps_of(outcome: Mapping[str, Any], steps_per_epoch: int, accumulate: int) -> int:
    """Return the number of steps that an outcome was reached by."""
    return outcome["epochs"] * steps_per_epoch + math.ceil(outcome["batches"] / accumulate)
