"""Message of a training loss that is not finite: which clips it came with, and what to do."""

from itertools import islice

import numpy as np

from features.recipe import ORIGINAL
from training.errors import NotFinite, TrainingError
from training.ranks import Ranks
from training.stream import ClipStream

NAMED = 5  # clips, at most


def divergence(train: ClipStream, error: NotFinite, ranks: Ranks) -> TrainingError:
    """Return the error that names the clips of the first batch whose loss is not finite, read once more.

    Their own tensors are to blame where they are not finite; elsewhere the weights are. Of several ranks, the first one
    names the clips of all.
    """
    train.load_state_dict({"epoch": error.epoch, "seen": 0})
    rows, variants, _ = next(islice(train.items(), error.batch, None))
    finite = np.array([_is_finite(train, row, variant) for row, variant in zip(rows, variants, strict=True)])
    rows, variants, finite = map(np.concatenate, zip(*ranks.gathered((rows, variants, finite)), strict=True))
    if finite.all():
        clips = _names(train, rows, variants)
        return TrainingError(f"{error}; lower training.learning_rate, or look at the clips of that batch: {clips}")
    clips = _names(train, rows[~finite], variants[~finite])
    return TrainingError(
        f"{error}; the tensors of {clips} in {train.store.path} are not finite: otogura verify --repair"
    )


def _is_finite(train: ClipStream, row: int, variant: int) -> bool:
    return bool(np.isfinite(train.store.clip(int(row), train.variants[variant])).all())


def _names(train: ClipStream, rows: np.ndarray, variants: np.ndarray) -> str:
    """Return the ids of clips, with their variants, as far as a line has room for them."""
    names = []
    for name, variant in zip(train.store.rows["id"].take(rows[:NAMED]).to_pylist(), variants, strict=False):
        names.append(name if train.variants[variant] == ORIGINAL else f"{name} ({train.variants[variant]})")
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
