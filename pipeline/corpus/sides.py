"""Sides of the clips, to train, validate and test. No group is ever on two sides."""

from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.split import Split
from pipeline.corpus.stratify import stratified
from pipeline.support.errors import InputError
from training.settings import TaskName
from training.tasks import task_of

SIDES = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
OPEN = -1  # no side yet


@dataclass(frozen=True)
class Sides:
    """Row numbers of each side, ascending int64; `left_out` clips would have put a group on two sides."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    left_out: np.ndarray

    def of(self, chosen: np.ndarray) -> "Sides":
        """Return only those rows for which `chosen` `(rows,)` is true."""
        return Sides(*(rows[chosen[rows]] for rows in (self.train, self.validation, self.test, self.left_out)))

    def digest(self) -> str:
        """Return a hash that is equal for equal splits of one store."""
        hasher = blake2b(digest_size=16)
        for rows in (self.train, self.validation, self.test):
            hasher.update(len(rows).to_bytes(8, "little") + rows.astype("<i8").tobytes())
        return hasher.hexdigest()


def assign(
    rows: pa.Table, split: Split, recorded: np.ndarray | None = None, task: TaskName = "multiclass"
) -> np.ndarray:
    """Return the side of each clip for a single run, as places in `SIDES` `(rows,)` int8.

    Given sides and more than two given folds are taken as they are; of two folds the lower one is split to train and to
    validate, and so is what trains where the given sides name no validation. All else is stratified by group.

    Parameters
    ----------
    rows : table
        With the columns id, label, group and fold; a column side, if it is there, gives the sides.
    split : Split
    recorded : array of int8, shape (rows,), optional
        Sides that clips have from before and keep, `OPEN` for new clips, which go where their class lacks most. A new
        clip of a group that has a side joins it.
    task : str, optional
        With `multilabel` a clip is of each class that its label lists, and its group counts for the rarest of them.
    """
    groups, names = _codes(rows["group"])
    previous = np.full(len(rows), OPEN, np.int8) if recorded is None else recorded.astype(np.int8)
    fixed = _sides_in_table(rows)
    free = fixed == OPEN
    if not free.all():
        trained = np.where(free & (previous >= 0), TRAIN, OPEN)
        previous = np.where(free & (previous == VALIDATION), VALIDATION, trained)
    side_of = np.full(len(names), OPEN, np.int8)
    np.maximum.at(side_of, groups[previous >= 0], previous[previous >= 0])  # the stricter of two sides
    if free.any():
        shares = (1 - split.validation - split.test, split.validation, split.test)
        if not free.all():
            shares = (1 - split.validation, split.validation, 0.0)
        clips, classes = _classes(rows, free, task)
        side_of = stratified(groups[clips], classes, names, shares, split.seed, side_of)
    return np.where(free, np.where(previous >= 0, previous, side_of[groups]), fixed).astype(np.int8)


def by_side(rows: pa.Table, sides: np.ndarray, validate: bool = True) -> Sides:
    """Split rows by their assigned sides, places in `SIDES` `(rows,)`. Without validation those clips train as well."""
    return _without_leaks(rows, sides if validate else np.where(sides == VALIDATION, TRAIN, sides))


def by_fold(
    rows: pa.Table, test_fold: int, split: Split, validate: bool = True, task: TaskName = "multiclass"
) -> Sides:
    """Split rows by given folds: test on one, validate on the next lower one (the highest for the lowest).

    Of two, the other one's groups are split to train and to validate. Without validation all but the tested one train.
    Raises `InputError` if there is no such fold, or no other one.
    """
    folds = rows["fold"].to_numpy()
    sides = _sides_by_fold(folds, test_fold)
    if (free := sides == OPEN).any():
        groups, names = _codes(rows["group"])
        shares = (1 - split.validation, split.validation, 0.0)
        clips, classes = _classes(rows, free, task)
        side_of = stratified(groups[clips], classes, names, shares, split.seed, np.full(len(names), OPEN, np.int8))
        sides = np.where(free, side_of[groups], sides)
    return by_side(rows, sides, validate)


def has_folds(rows: pa.Table) -> bool:
    """Return True if every row has a fold."""
    return bool(rows["fold"].null_count == 0)


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Return a number for each value, int64, and the values by their numbers; null is a value as well."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def _classes(rows: pa.Table, chosen: np.ndarray, task: TaskName) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of a chosen clip and the number of a class of it, for each class of each, both int64.

    Numbers are places in the sorted list of all classes; that of clips without a label is one past its end. Raises
    `InputError` for a faulty list of labels.
    """
    numbers, texts = _codes(rows["label"])
    lists = [_names(text, task, rows) for text in texts.to_pylist()]
    place = {name: number for number, name in enumerate(sorted({name for names in lists for name in names}))}
    places = [[place[name] for name in names] or [len(place)] for names in lists]
    flat = np.fromiter(chain.from_iterable(places), np.int64)
    lengths, clips = np.array([len(part) for part in places], np.int64), np.flatnonzero(chosen)
    starts = (np.cumsum(lengths) - lengths)[numbers[clips]]
    lengths = lengths[numbers[clips]]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(clips, lengths), flat[np.repeat(starts, lengths) + within]


def _names(text: str | None, task: TaskName, rows: pa.Table) -> tuple[str, ...]:
    """Return the classes of a clip with this label. Raises `InputError`, which names one, for a faulty list."""
    if text is None:
        return ()
    try:
        return task_of(task).split(text)
    except ValueError as error:
        name = rows["id"].filter(pc.equal(rows["label"], text))[0]
        raise InputError(f"corpus: the labels {text!r} of {name}: {error}") from None


def _sides_in_table(rows: pa.Table) -> np.ndarray:
    """Return the sides that the columns side or fold give, places in `SIDES`; `OPEN` for clips that are to be split."""
    if "side" in rows.column_names and rows["side"].null_count < len(rows):
        sides = pc.index_in(rows["side"], value_set=pa.array(SIDES)).to_numpy().astype(np.int8)
        return sides if (sides == VALIDATION).any() else np.where(sides == TRAIN, OPEN, sides)
    if has_folds(rows) and len(rows):
        folds = rows["fold"].to_numpy()
        return _sides_by_fold(folds, folds.max())
    return np.full(len(rows), OPEN, np.int8)


def _sides_by_fold(folds: np.ndarray, test_fold: int) -> np.ndarray:
    """Return the side of each clip by its fold; of two folds the other one is `OPEN`."""
    numbers = np.unique(folds).tolist()
    if test_fold not in numbers:
        raise InputError(f"fold {test_fold} does not exist; there are {', '.join(map(str, numbers))}")
    if len(numbers) < 2:
        raise InputError("expected at least 2 folds to train and test, found 1")
    others = OPEN if len(numbers) == 2 else TRAIN
    validating = (folds == numbers[numbers.index(test_fold) - 1]) & (len(numbers) > 2)
    return np.where(folds == test_fold, TEST, np.where(validating, VALIDATION, others)).astype(np.int8)


def _without_leaks(rows: pa.Table, sides: np.ndarray) -> Sides:
    """Keep all test clips; leave out those of other sides that share a group with test, then with validation."""
    groups, names = _codes(rows["group"])
    strictest = np.full(len(names), OPEN, np.int8)
    np.maximum.at(strictest, groups, sides)
    kept = sides == strictest[groups]
    train, validation, test = (np.flatnonzero(kept & (sides == side)) for side in (TRAIN, VALIDATION, TEST))
    return Sides(train, validation, test, np.flatnonzero(~kept))
