"""The checkpoints of a run, complete or missing, and the epoch at which to stop."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from stores.files import make_folder, remove_partials, replacing
from training.history import best_epoch
from training.learner import Epoch, Learner
from training.settings import Training
from training.stream import ClipStream

log = logging.getLogger("otogura")

DIGEST_BYTES = 16


@dataclass(frozen=True)
class Saved:
    """State of a run on the disk: of its learner and its stream, and the weights to be kept if there are any yet."""

    learner: dict[str, Any]
    stream: dict[str, int]
    kept: dict[str, Tensor] | None

    @property
    def history(self) -> list[Epoch]:
        return self.learner["history"]


class Checkpoints:
    """Checkpoints in a folder: `last.ckpt` and the one before it, `previous.ckpt`, hold all that training goes on
    from, and `kept.ckpt` the weights to be kept.

    Those are of the epoch with the lowest validation loss or of the last one, as the settings say. Which epoch is best
    and when patience ends follows from the history alone: a run that was interrupted anywhere, or moved, goes on as if
    nothing had happened.
    """

    def __init__(self, folder: Path, training: Training) -> None:
        self._folder = folder
        self.last_path, self.previous_path = folder / "last.ckpt", folder / "previous.ckpt"
        self.kept_path = folder / "kept.ckpt"
        self._training = training

    def clear(self) -> None:
        """Remove the checkpoints of another run."""
        for path in self._folder.glob("*.ckpt*"):
            path.unlink()

    def save(self, learner: Learner, train: ClipStream) -> None:
        """Write the state between two steps; the last checkpoint becomes the one before it."""
        state = {"learner": learner.state_dict(), "stream": train.state_dict()}
        _write(self.last_path, state, before=self.previous_path)

    def save_epoch(self, learner: Learner, train: ClipStream) -> None:
        """Write the state after an epoch, and its weights if they are the best so far, or the last to be trained."""
        keep = self._is_best(learner.history) if self._training.keep == "best" else self.ended(learner.history)
        if keep:
            _write(self.kept_path, learner.kept_network.state_dict())
        self.save(learner, train)

    def load(self) -> Saved | None:
        """Return the newest checkpoint that is sound; None if there is none, or if the weights to be kept are lost."""
        remove_partials(self._folder.glob("*"))
        state = _read(self.last_path) or _read(self.previous_path)
        if state is None:
            return None
        saved = Saved(state["learner"], state["stream"], _read(self.kept_path))
        if saved.kept is None and saved.history and (self._training.keep == "best" or self.ended(saved.history)):
            self.clear()  # the epoch that had them is over
            return None
        return saved

    def ended(self, history: Sequence[Epoch]) -> bool:
        """Return True if no epoch is to follow these."""
        if len(history) >= self._training.epochs:
            return True
        if self._training.keep == "last" or not history:
            return False
        return len(history) - 1 - best_epoch(history) >= self._training.patience

    def _is_best(self, history: Sequence[Epoch]) -> bool:
        return best_epoch(history) == len(history) - 1


def _write(path: Path, state: dict[str, Any], before: Path | None = None) -> None:
    """Write a checkpoint; the one that it replaces takes the place of `before`."""
    memory = BytesIO()
    torch.save(state, memory)
    make_folder(path.parent)
    with replacing(path) as file:
        file.write(memory.getbuffer())
        file.write(_digest(memory.getbuffer()))  # torch itself looks at no checksum, and reads none that follows
        if before is not None and path.is_file():
            path.replace(before)


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a checkpoint holds, of tensors and plain values alone; None if it is missing or damaged."""
    if not path.is_file():
        return None
    content = memoryview(path.read_bytes())
    state, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
    try:
        if _digest(state) == digest:
            return torch.load(BytesIO(state), map_location="cpu", weights_only=True)
    except UnpicklingError:  # it holds something else
        pass
    log.warning("%s: expected a checkpoint, got a damaged file; training goes on without it", path)
    return None


def _digest(data: memoryview) -> bytes:
    return blake2b(data, digest_size=DIGEST_BYTES).digest()
