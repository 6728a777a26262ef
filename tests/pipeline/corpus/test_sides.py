"""No group is ever on two sides, every class has its share on each, and a group that has a side keeps it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.sides import OPEN, SIDES, TEST, TRAIN, VALIDATION, Sides, assign, by_fold, by_side
from pipeline.corpus.split import Split
from pipeline.corpus.stratify import targets
from pipeline.support.errors import InputError

names = st.text("abcdefgh", min_size=1, max_size=2)
splits = st.builds(
    Split, validation=st.sampled_from([0.1, 0.15, 0.3]), test=st.sampled_from([0.1, 0.15, 0.4]), seed=st.integers(0, 9)
)


def table(
    groups: list[str],
    folds: list[int] | None = None,
    labels: list[str | None] | None = None,
    sides: Sequence[str | None] | None = None,
) -> pa.Table:
    columns = {
        "id": [f"{number}.wav" for number in range(len(groups))],
        "label": pa.array(labels or ["x"] * len(groups), pa.string()),
        "group": pa.array(groups, pa.string()),
        "fold": pa.array(folds or [None] * len(groups), pa.int64()),
    }
    return pa.table(columns if sides is None else columns | {"side": pa.array(sides, pa.string())})


def split_of(rows: pa.Table, split: Split) -> Sides:
    return by_side(rows, assign(rows, split))


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


def groups_by_class_and_side(rows: pa.Table, sides: np.ndarray) -> Counter[tuple[str, int]]:
    labels, groups = rows["label"].to_pylist(), rows["group"].to_pylist()
    return Counter((label, side) for label, _, side in set(zip(labels, groups, sides.tolist(), strict=True)))


@given(groups=st.lists(names, min_size=1, max_size=60), split=splits, data=st.data())
def test_groups_stay_together(groups: list[str], split: Split, data: st.DataObject) -> None:
    """Also where they have several classes, or clips without one."""
    labels = data.draw(st.lists(st.sampled_from(["x", "y", "z", None]), min_size=len(groups), max_size=len(groups)))
    rows = table(groups, labels=labels)
    sides = split_of(rows, split)
    assert_apart(rows, sides)
    assert not len(sides.left_out)


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), clips=st.integers(1, 3), split=splits)
def test_every_class_has_its_share_of_groups_on_every_side(counts: list[int], clips: int, split: Split) -> None:
    labels = [f"class {place}" for place, count in enumerate(counts) for _ in range(count * clips)]
    groups = [f"{place} {number // clips}" for place, count in enumerate(counts) for number in range(count * clips)]
    rows = table(groups, labels=labels)
    there = groups_by_class_and_side(rows, assign(rows, split))
    for place, count in enumerate(counts):
        on = [there[f"class {place}", side] for side in range(len(SIDES))]
        shares = count * np.array([1 - split.validation - split.test, split.validation, split.test])
        if count > 2:
            assert min(on) >= 1
        elif count == 2:
            assert on == [1, 0, 1]
        else:
            assert on == [1, 0, 0]
        # Who has too few groups to have one on each side takes them from the largest side.
        assert all(abs(np.array(on) - shares) < 1) or (count < 10 and min(on) <= 1)


def test_shares_are_met_to_within_one_group() -> None:
    for count in range(1, 400):
        whole = targets(count, (0.7, 0.15, 0.15))
        assert whole.sum() == count
        if count >= 7:  # from there on a share of 0.15 is a group
            assert np.abs(whole - count * np.array([0.7, 0.15, 0.15])).max() < 1


@pytest.mark.parametrize(
    ("count", "three", "two"),
    [
        (1, [1, 0, 0], [1, 0, 0]),
        (2, [1, 0, 1], [1, 1, 0]),
        (3, [1, 1, 1], [2, 1, 0]),
        (9, [6, 1, 2], [8, 1, 0]),
        (10, [7, 1, 2], [8, 2, 0]),  # of equal remainders the later side
        (20, [14, 3, 3], [17, 3, 0]),
    ],
)
def test_groups_of_a_class_on_each_side(count: int, three: list[int], two: list[int]) -> None:
    assert targets(count, (0.7, 0.15, 0.15)).tolist() == three
    assert targets(count, (0.85, 0.15, 0.0)).tolist() == two


def test_a_corpus_is_split_alike_by_every_version() -> None:
    """Runs that drew their split are compared with runs of years later."""
    rows = table([f"g{number}" for number in range(26)], labels=["x"] * 15 + ["y"] * 11)
    drawn = {seed: "".join("tvT"[side] for side in assign(rows, Split(seed=seed))) for seed in (0, 1)}
    assert drawn == {0: "vttttvtttTttTtttttttTtttvT", 1: "tttTTvttvtttttttTTtttttvtt"}
    assert split_of(rows, Split()).digest() == "cb53fcc618b472e58f7f7c521475c7f4"


def test_a_class_that_only_tests_has_no_part_in_what_is_split_off() -> None:
    """Its number is the lowest one, and none of its clips is to be split."""
    groups = [f"g{number}" for number in range(45)]
    labels = ["a"] * 5 + ["b"] * 20 + ["c"] * 20
    rows = table(groups, labels=labels, sides=["test"] * 5 + ["train"] * 40)
    counts = groups_by_class_and_side(rows, assign(rows, Split(validation=0.2)))
    assert counts == {("a", TEST): 5} | {
        (label, side): n for label in "bc" for side, n in ((TRAIN, 16), (VALIDATION, 4))
    }


def test_a_group_of_several_classes_counts_for_its_rarest() -> None:
    """Three groups hold the rare class, and the common one as well: each side has one of them."""
    groups = [f"g{number}" for number in range(30)] + ["g0", "g1", "g2"]
    rows = table(groups, labels=["common"] * 30 + ["rare"] * 3)
    for seed in range(10):
        sides = assign(rows, Split(seed=seed))
        assert sorted(sides[-3:].tolist()) == [TRAIN, VALIDATION, TEST]
        counts = Counter(sides[:30].tolist())  # of 21, 4.5 and 4.5
        assert counts[TRAIN] == 21
        assert {counts[VALIDATION], counts[TEST]} == {4, 5}


def test_the_seed_and_the_names_decide_and_not_the_rows() -> None:
    groups = [f"g{number}" for number in range(200)]
    rows = table(groups)
    one = dict(zip(groups, assign(rows, Split()).tolist(), strict=True))
    other = dict(zip(groups, assign(rows, Split(seed=1)).tolist(), strict=True))
    backwards = dict(zip(groups[::-1], assign(table(groups[::-1]), Split()).tolist(), strict=True))
    assert backwards == one
    # Of classes of one size with groups in common the names decide as well, and clips without a class come last.
    shared = table(
        groups[:100] + groups[50:150] + groups[100:],
        labels=["x"] * 100 + ["y"] * 100 + [None] * 100,
    )
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(300)
        assert assign(shared.take(order), Split()).tolist() == assign(shared, Split())[order].tolist()
    counts = groups_by_class_and_side(shared, assign(shared, Split()))
    assert [counts["x", side] for side in range(3)] == [70, 15, 15]
    assert sum(one[group] != other[group] for group in groups) > 40


@given(
    groups=st.lists(st.tuples(names, st.sampled_from("xyz")), min_size=2, max_size=80),
    before=st.integers(1, 79),
    split=splits,
)
def test_recorded_groups_keep_their_side_when_the_corpus_grows(
    groups: list[tuple[str, str]], before: int, split: Split
) -> None:
    rows = table([group for group, _ in groups], labels=[label for _, label in groups])
    first = assign(rows.slice(0, before), split)
    recorded = np.concatenate([first, np.full(len(rows) - len(first), OPEN)])
    after = assign(rows, split, recorded)
    assert after[: len(first)].tolist() == first.tolist()
    assert_apart(rows, by_side(rows, after))
    assert not len(by_side(rows, after).left_out)


def test_new_groups_go_where_their_class_lacks_most() -> None:
    """Clips that were removed from the test side by hand come back with the next recordings."""
    rows = table([f"g{number}" for number in range(40)], labels=["x"] * 20 + ["y"] * 20)
    recorded = assign(rows, Split())
    recorded[(recorded == TEST) & (np.arange(40) < 20)] = TRAIN  # none of x tests
    grown = table([f"g{number}" for number in range(46)], labels=["x"] * 20 + ["y"] * 20 + ["x"] * 3 + ["y"] * 3)
    after = assign(grown, Split(), np.concatenate([recorded, np.full(6, OPEN)]))
    assert after[:40].tolist() == recorded.tolist()
    assert after[40:43].tolist() == [TEST] * 3
    assert TRAIN in after[43:]


def test_single_groups_that_are_added_go_to_the_side_that_lacks_them_most() -> None:
    """One after the other, as many small additions to a corpus do."""
    sides = np.array([TRAIN] * 7 + [VALIDATION] * 2)
    for count in range(10, 21):
        sides = assign(table([f"g{number}" for number in range(count)]), Split(), np.append(sides, OPEN))
    assert "".join("tvT"[side] for side in sides[9:]) == "TTttttTtvtt"


def test_a_new_clip_joins_the_side_of_its_group_and_of_two_the_stricter() -> None:
    rows = table(["a", "b", "b", "a", "b"])
    after = assign(rows, Split(), np.array([TRAIN, TRAIN, TEST, OPEN, OPEN]))
    assert after.tolist() == [TRAIN, TRAIN, TEST, TRAIN, TEST]
    sides = by_side(rows, after)
    assert sides.left_out.tolist() == [1]  # torn by hand: what tests stays
    assert_apart(rows, sides)


def test_given_sides_are_taken_as_they_are() -> None:
    sides = ["train", "test", *["train"] * 20, "validation", "test"]  # fewer validate than would be drawn
    rows = table([f"g{number}" for number in range(24)], sides=sides)
    recorded = np.array([TEST] * 24)  # the table has the last word
    assert [SIDES[side] for side in assign(rows, Split(), recorded)] == sides
    assert [SIDES[side] for side in assign(rows, Split())] == sides


def test_a_column_of_sides_that_says_none_is_none() -> None:
    groups = [f"g{number}" for number in range(24)]
    assert assign(table(groups, sides=[None] * 24), Split()).tolist() == assign(table(groups), Split()).tolist()


def test_given_sides_without_validation_have_it_split_off_training() -> None:
    groups = [f"g{number}" for number in range(60)]
    rows = table(groups, labels=["x", "y"] * 30, sides=["train"] * 40 + ["test"] * 20)
    sides = assign(rows, Split(validation=0.2))
    assert set(sides[40:].tolist()) == {TEST}
    assert groups_by_class_and_side(rows.slice(0, 40), sides[:40]) == {
        (label, side): count for label in "xy" for side, count in ((TRAIN, 16), (VALIDATION, 4))
    }
    grown = table([*groups, "h0", "h1"], labels=["x", "y"] * 31, sides=["train"] * 40 + ["test"] * 20 + ["train"] * 2)
    assert assign(grown, Split(validation=0.2), np.append(sides, [OPEN] * 2))[:60].tolist() == sides.tolist()


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


def test_folds_are_used_as_given() -> None:
    rows = table([f"g{n}" for n in range(10)], [n % 5 + 1 for n in range(10)])
    sides = by_fold(rows, 5, Split())
    assert sides.test.tolist() == [4, 9]
    assert sides.validation.tolist() == [3, 8]
    assert by_fold(rows, 1, Split()).validation.tolist() == [4, 9]
    assert by_fold(table(["a", "b", "c"], [1, 2, 3]), 3, Split()).validation.tolist() == [1]  # also of three
    single = split_of(rows, Split())  # a single run tests on the highest
    for side in SIDES:
        assert getattr(single, side).tolist() == getattr(sides, side).tolist()


def test_a_fold_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="fold 9 does not exist; there are 1, 2, 3"):
        by_fold(table(["a", "b", "c"], [1, 2, 3]), 9, Split())


def test_too_few_folds() -> None:
    with pytest.raises(InputError, match="at least 2 folds"):
        by_fold(table(["a", "b"], [1, 1]), 1, Split())
    with pytest.raises(InputError, match="at least 2 folds"):
        assign(table(["a", "b"], [1, 1]), Split())


def test_of_two_folds_the_groups_of_one_validate() -> None:
    rows = table([f"g{n // 2}" for n in range(400)], [1] * 320 + [2] * 80, ["x"] * 160 + ["y"] * 240)
    for tested, learned in ((2, range(320)), (1, range(320, 400))):
        sides = by_fold(rows, tested, Split(validation=0.25))
        assert_apart(rows, sides)
        assert sorted([*sides.train, *sides.validation]) == list(learned)
        assert len(sides.validation) / len(learned) == 0.25
    single = split_of(rows, Split(validation=0.25))
    assert single.digest() == by_fold(rows, 2, Split(validation=0.25)).digest()


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
    drawn = assign(table(groups), Split())
    given, sides = by_side(rows, drawn), by_side(rows, drawn, validate=False)
    assert sides.train.tolist() == sorted([*given.train, *given.validation])
    assert sides.test.tolist() == given.test.tolist()


lists_of_labels = st.lists(st.sampled_from("xyz"), unique=True).map(lambda names: ";".join(names) or None)


@given(groups=st.lists(names, min_size=1, max_size=60), split=splits, data=st.data())
def test_groups_of_clips_with_several_labels_stay_together(
    groups: list[str], split: Split, data: st.DataObject
) -> None:
    labels = data.draw(st.lists(lists_of_labels, min_size=len(groups), max_size=len(groups)))
    rows = table(groups, labels=labels)
    assert_apart(rows, by_side(rows, assign(rows, split, task="multilabel")))
    alone = table(groups, labels=[label and label[0] for label in labels])  # one label each: the task changes nothing
    assert assign(alone, split, task="multilabel").tolist() == assign(alone, split).tolist()


def test_a_clip_with_several_labels_counts_for_its_rarest() -> None:
    """The rare label has its share on every side, though each of its clips has a frequent one as well."""
    labels = ["often; rare" if number % 10 == 0 else "often" for number in range(100)]
    groups = [f"g{number}" for number in range(100)]
    for seed in range(5):
        sides = assign(table(groups, labels=labels), Split(validation=0.2, test=0.2, seed=seed), task="multilabel")
        assert np.bincount(sides[::10]).tolist() == [6, 2, 2]
        assert np.bincount(sides).tolist() == [60, 20, 20]


def test_a_faulty_list_of_labels_is_refused_by_one_line() -> None:
    rows = table(["a", "b"], labels=["x;y", "x;;y"])
    with pytest.raises(
        InputError, match=r"^corpus: the labels 'x;;y' of 1\.wav: expected a name for each label, got a blank"
    ):
        assign(rows, Split(), task="multilabel")
    assert assign(rows, Split()).tolist() == assign(table(["a", "b"], labels=["x", "y"]), Split()).tolist()
    two_folds = table(["a", "b"], folds=[1, 2], labels=["x;x", "x"])
    with pytest.raises(
        InputError, match=r"^corpus: the labels 'x;x' of 0\.wav: expected each label once, got 'x' twice$"
    ):
        by_fold(two_folds, 2, Split(), task="multilabel")
