"""No group is ever on two sides."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Split
from pipeline.errors import InputError
from pipeline.split import Sides, by_fold, by_group, side

names = st.text("abcdefgh", min_size=1, max_size=2)


def table(groups: list[str], folds: list[int] | None = None) -> pa.Table:
    return pa.table({"group": groups, "fold": pa.array(folds or [None] * len(groups), pa.int64())})


def groups_of(rows: pa.Table, sides: Sides) -> list[set[str]]:
    groups = np.array(rows["group"].to_pylist())
    return [set(groups[part]) for part in (sides.train, sides.validation, sides.test)]


def assert_apart(rows: pa.Table, sides: Sides) -> None:
    train, validation, test = groups_of(rows, sides)
    assert not train & validation
    assert not train & test
    assert not validation & test
    parts = np.concatenate([sides.train, sides.validation, sides.test, sides.left_out])
    assert sorted(parts.tolist()) == list(range(len(rows)))


@given(groups=st.lists(names, min_size=1, max_size=60), seed=st.integers(0, 9))
def test_groups_stay_together(groups: list[str], seed: int) -> None:
    rows = table(groups)
    sides = by_group(rows, Split(seed=seed))
    assert_apart(rows, sides)
    assert not len(sides.left_out)


@given(groups=st.lists(names, min_size=3, max_size=60), data=st.data())
def test_given_folds_that_tear_a_group_apart_leave_clips_out(groups: list[str], data: st.DataObject) -> None:
    folds = data.draw(st.lists(st.integers(1, 4), min_size=len(groups), max_size=len(groups)))
    folds[:3] = [1, 2, 3]
    rows = table(groups, folds)
    sides = by_fold(rows, 3, Split())
    assert_apart(rows, sides)
    assert sides.test.tolist() == [row for row, fold in enumerate(folds) if fold == 3]


def test_a_split_by_row_would_be_noticed() -> None:
    """The check above must fail for the mistake that it is there for."""
    rows = table([f"g{number // 6}" for number in range(300)])
    random = np.random.default_rng(0).permutation(300)
    by_row = Sides(random[:200], random[200:250], random[250:], np.array([], dtype=int))
    with pytest.raises(AssertionError):
        assert_apart(rows, by_row)


@given(group=names, seed=st.integers(0, 5), others=st.lists(names, max_size=20))
def test_a_side_does_not_depend_on_the_rest_of_the_corpus(group: str, seed: int, others: list[str]) -> None:
    split = Split(seed=seed)
    alone = by_group(table([group]), split)
    among = by_group(table([group, *others]), split)
    for part, whole in zip((alone.train, alone.test), (among.train, among.test), strict=True):
        assert (0 in part) == (0 in whole)


def test_shares_are_as_asked() -> None:
    split = Split(validation=0.1, test=0.3)
    sides = [side(f"group {number}", split) for number in range(20000)]
    assert sides.count("test") / 20000 == pytest.approx(0.3, abs=0.015)
    assert sides.count("validation") / 20000 == pytest.approx(0.1, abs=0.01)


def test_folds_are_used_as_given() -> None:
    rows = table([f"g{n}" for n in range(10)], [n % 5 + 1 for n in range(10)])
    sides = by_fold(rows, 5, Split())
    assert sides.test.tolist() == [4, 9]
    assert sides.validation.tolist() == [3, 8]
    assert by_fold(rows, 1, Split()).validation.tolist() == [4, 9]


def test_a_fold_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="fold 9 does not exist; there are 1, 2, 3"):
        by_fold(table(["a", "b", "c"], [1, 2, 3]), 9, Split())


def test_too_few_folds() -> None:
    with pytest.raises(InputError, match="at least 2 folds"):
        by_fold(table(["a", "b"], [1, 1]), 1, Split())


def test_of_two_folds_the_groups_of_one_validate() -> None:
    rows = table([f"g{n // 2}" for n in range(400)], [1] * 320 + [2] * 80)
    sides = by_fold(rows, 2, Split(validation=0.25))
    assert_apart(rows, sides)
    assert sides.test.tolist() == list(range(320, 400))
    assert len(sides.validation) / 320 == pytest.approx(0.25, abs=0.08)


@given(groups=st.lists(names, min_size=3, max_size=60), data=st.data())
def test_without_validation_those_clips_train(groups: list[str], data: st.DataObject) -> None:
    folds = data.draw(st.lists(st.integers(1, 4), min_size=len(groups), max_size=len(groups)))
    folds[:3] = [1, 2, 3]
    rows = table(groups, folds)
    given = by_fold(rows, 3, Split())
    sides = by_fold(rows, 3, Split(), validate=False)
    assert_apart(rows, sides)
    assert sides.test.tolist() == given.test.tolist()
    assert set(sides.train) >= {*given.train, *given.validation}
    assert not len(sides.validation)
    given, sides = by_group(rows, Split()), by_group(rows, Split(), validate=False)
    assert sides.train.tolist() == sorted([*given.train, *given.validation])
    assert sides.test.tolist() == given.test.tolist()
