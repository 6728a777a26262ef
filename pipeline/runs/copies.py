"""Split of tensors in place of clips, as published results have it: copies were made first and split after."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from pipeline.corpus.sides import SIDES, Sides
from training.order import Permutation


@dataclass(frozen=True)
class CopySplit:
    """Sides of the variants of each clip, whatever side its other variants and its group are on.

    Attributes
    ----------
    variants : tuple of str
    rows : array of int64, shape (clips,)
        Rows of the store, ascending.
    sides : array of int8, shape (clips, variants)
        Places in `SIDES`.
    """

    variants: tuple[str, ...]
    rows: np.ndarray
    sides: np.ndarray

    def of(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the clips with variants on a side, and which: rows `(clips,)` and `(clips, variants)` bool."""
        shown = self.sides == side
        some = shown.any(axis=1)
        return self.rows[some], shown[some]

    def digest(self) -> str:
        """Return a hash that is equal for equal splits of one store."""
        hasher = blake2b(" ".join(self.variants).encode(), digest_size=16)
        hasher.update(self.rows.astype("<i8").tobytes() + self.sides.tobytes())
        return hasher.hexdigest()


def split_copies(sides: Sides, labels: np.ndarray, variants: Sequence[str], seed: int) -> CopySplit:
    """Deal the variants of all clips to the sides at random: to each as many of every class as it has by clips.

    Parameters
    ----------
    sides : Sides
        Of the clips; those that are left out remain so.
    labels : array of int64, shape (rows of the store,)
        Numbers of the classes.
    variants : sequence of str
    seed : int
    """
    parts = [getattr(sides, side) for side in SIDES]
    rows = np.concatenate(parts)
    order = np.argsort(rows)
    by_clip = np.repeat(np.arange(len(SIDES), dtype=np.int8), [len(part) for part in parts])[order]
    dealt, classes = np.repeat(by_clip, len(variants)), np.repeat(labels[rows[order]], len(variants))
    drawn = Permutation(len(dealt), f"copies {seed}")(np.arange(len(dealt)))
    shuffled = np.empty_like(dealt)
    shuffled[np.lexsort([drawn, classes])] = dealt[np.argsort(classes, kind="stable")]
    return CopySplit(tuple(variants), rows[order], shuffled.reshape(-1, len(variants)))
