"""Which clips train, validate and test. No group is ever on two sides."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from pipeline.config import Split
from pipeline.errors import InputError


@dataclass(frozen=True)
class Sides:
    """Row numbers of each side, ascending int64; `left_out` clips would have put a group on two sides."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    left_out: np.ndarray

    def of(self, chosen: np.ndarray) -> "Sides":
        """Only those rows for which `chosen` `(rows,)` is true."""
        return Sides(*(rows[chosen[rows]] for rows in (self.train, self.validation, self.test, self.left_out)))

    def digest(self) -> str:
        """Equal for equal splits of one store."""
        whole = blake2b(digest_size=16)
        for rows in (self.train, self.validation, self.test):
            whole.update(len(rows).to_bytes(8, "little") + rows.astype("<i8").tobytes())
        return whole.hexdigest()


def side(group: str, split: Split) -> str:
    """The side of a group: a pure function of its name and the seed, so it stays when the corpus grows."""
    digest = blake2b(f"{split.seed}\0{group}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "little") / 2**64
    if place < split.test:
        return "test"
    return "validation" if place < split.test + split.validation else "train"


def by_group(rows: pa.Table, split: Split, validate: bool = True) -> Sides:
    """Split a store's rows by their groups. Without validation those clips train as well."""
    sides = np.array([side(group, split) for group in rows["group"].to_pylist()])
    return _apart(rows, sides if validate else np.where(sides == "validation", "train", sides))


def by_fold(rows: pa.Table, test_fold: int, split: Split, validate: bool = True) -> Sides:
    """Given folds as they are: test on one, validate on the next lower one (the highest for the lowest).

    Of two, the other one's groups are split to train and to validate. Without validation all but the tested one train.
    """
    folds = rows["fold"].to_numpy()
    numbers = np.unique(folds).tolist()
    if test_fold not in numbers:
        raise InputError(f"fold {test_fold} does not exist; there are {', '.join(map(str, numbers))}")
    if len(numbers) < 2:
        raise InputError("expected at least 2 folds to train and test, found 1")
    if len(numbers) > 2:
        validating = folds == numbers[numbers.index(test_fold) - 1]
    else:
        validating = np.array([side(group, split) == "validation" for group in rows["group"].to_pylist()])
    sides = np.where(folds == test_fold, "test", np.where(validating & validate, "validation", "train"))
    return _apart(rows, sides)


def has_folds(rows: pa.Table) -> bool:
    return bool(rows["fold"].null_count == 0)


def _apart(rows: pa.Table, sides: np.ndarray) -> Sides:
    """Keep test whole, and leave out of the other sides what shares a group with test, then with validation."""
    groups = rows["group"].to_numpy()
    testing = np.isin(groups, groups[sides == "test"])
    validating = np.isin(groups, groups[sides == "validation"])
    test = sides == "test"
    validation = (sides == "validation") & ~testing
    train = (sides == "train") & ~testing & ~validating
    kept = test | validation | train
    return Sides(*(np.flatnonzero(mask) for mask in (train, validation, test, ~kept)))
