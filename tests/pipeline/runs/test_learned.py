"""Classes that can be learned, and clips that weights have learned from: whatever is wrong is one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpus.sides import Sides
from pipeline.runs.learnable import learned_classes
from pipeline.runs.learned import refuse_learned, write_learned
from pipeline.support.errors import InputError

ROWS = pa.table({"id": [f"{row}.wav" for row in range(6)], "content_hash": [f"{row:032x}" for row in range(6)]})


@pytest.mark.parametrize(
    ("learned", "kept", "expected"),
    [
        ({"train": [0, 1, 2], "validation": [3]}, Sides([0, 1], [3], [4, 5], []), None),
        ({"train": [0, 1, 2], "validation": [3]}, Sides([0, 3], [], [4, 5], []), None),
        ({"train": [0, 1, 2], "validation": [3]}, Sides([0], [3], [2, 4], []), "of test, .* by 1 of 2, such as 2.wav"),
        ({"train": [0, 1, 2], "validation": [3]}, Sides([0], [4], [3, 5], []), "of test, .* by 1 of 2, such as 3.wav"),
        (
            {"train": [0, 1, 2], "validation": [3]},
            Sides([0], [1, 3], [4], []),
            "of validation, .* by 1 of 2, such as 1",
        ),
    ],
)
def test_what_trained_or_chose_the_first_weights_never_tests(
    tmp_path: Path, learned: dict[str, list[int]], kept: Sides, expected: str | None
) -> None:
    first = Sides(np.array(learned["train"]), np.array(learned["validation"]), np.array([4, 5]), np.array([]))
    write_learned(tmp_path / "first", ROWS, first, None)
    none = Sides(*(np.array([], np.int64),) * 4)
    write_learned(tmp_path / "second", ROWS, none, tmp_path / "first")  # and neither do those of the runs before
    sides = Sides(*(np.array(part, np.int64) for part in (kept.train, kept.validation, kept.test, kept.left_out)))
    for run in ("first", "second"):
        if expected is None:
            refuse_learned(ROWS, sides, tmp_path / run, "x")
        else:
            with pytest.raises(InputError, match=expected):
                refuse_learned(ROWS, sides, tmp_path / run, "x")


def test_the_same_clips_are_recorded_in_the_same_order(tmp_path: Path) -> None:
    """Also where Arrow has thousands of rows in many parts to group, which it would do in threads."""
    parts = [
        pa.table({"content_hash": [f"{number:032x}" for number in range(at, at + 50)]}) for at in range(0, 2000, 50)
    ]
    sides = Sides(np.arange(1000), np.arange(1000, 2000), np.array([]), np.array([]))
    recorded = set()
    for number in range(20):
        write_learned(tmp_path / str(number), pa.concat_tables(parts), sides, None)
        recorded.add((tmp_path / str(number) / "learned.parquet").read_bytes())
    assert len(recorded) == 1


def test_weights_that_do_not_say_what_they_know_are_refused(tmp_path: Path) -> None:
    sides = Sides(*(np.array([row], np.int64) for row in range(4)))
    expected = f"x.init_from: {tmp_path} does not say what it has learned from; train it again"
    with pytest.raises(InputError) as caught:
        refuse_learned(ROWS, sides, tmp_path, "x")
    assert str(caught.value) == expected
    pq.write_table(pa.table({"content_hash": ["0" * 32]}), tmp_path / "learned.parquet")  # without their sides
    with pytest.raises(InputError) as caught:
        refuse_learned(ROWS, sides, tmp_path, "x")
    assert str(caught.value) == expected


def test_each_recording_is_recorded_once_with_its_side(tmp_path: Path) -> None:
    twice = pa.concat_tables([ROWS, ROWS])  # the same sound in two clips
    first = Sides(np.array([0, 1, 6]), np.array([2]), np.array([3]), np.array([], np.int64))
    write_learned(tmp_path / "deep" / "run", twice, first, None)
    learned = pq.read_table(tmp_path / "deep" / "run" / "learned.parquet")
    assert sorted(map(tuple, (row.values() for row in learned.to_pylist()))) == [
        (f"{row:032x}", side) for row, side in ((0, "train"), (1, "train"), (2, "validation"))
    ]


UNLEARNABLE = [
    (["a"] * 4, {}, "expected two classes or more to learn, found only a"),
    ([None] * 4, {}, "expected recordings with labels, but none of 4 has one"),
    ([*"aabb", "c"], {}, r"class 'c' has one recording, which cannot .*; add recordings, or drop: \[c\]"),
    ([*"aabbcd"], {}, r"2 classes, such as 'c', have one recording each, .* or drop: \[c, d\]"),
    (
        [*"aabb", *(f"{number:06}.wav" for number in range(100_000))],
        {},
        r"100000 classes, such as '000000\.wav', have one recording each, which cannot be both learned and tested; "
        r"expected classes of several recordings, of which there are 2; name the column of the classes, if these are "
        r"names of recordings$",
    ),
    (
        [f"{number:06}" for number in range(100_000)],
        {"drop": ["x"]},
        r"drop: .*, got 'x'; there are 000000, .* and 99980 more$",
    ),
    ([*"aabb", "c"], {"drop": ["c", "b"]}, "drop: expected two classes or more to be left of a, b, c"),
    ([*"aabb", "c"], {"classes": ["a", "e"]}, "classes: expected classes of the corpus, got 'e'; there are a, b, c"),
    ([*"aabb"], {"drop": ["e"]}, "drop: expected classes of the corpus, got 'e'; there are a, b"),
]


@pytest.mark.parametrize(("labels", "options", "expected"), UNLEARNABLE)
def test_classes_that_cannot_be_learned_are_one_line(labels: list[str], options: dict[str, Any], expected: str) -> None:
    rows = pa.table({"label": pa.array(labels, pa.string())})
    chosen: dict[str, Any] = {"classes": None, "drop": ()} | options
    with pytest.raises(InputError, match=rf"^mine(: |\.){expected}"):
        learned_classes(rows, config_path="mine", **chosen)


def test_a_class_of_one_recording_that_is_left_out_is_no_obstacle() -> None:
    rows = pa.table({"label": pa.array([*"aabb", "c", None])})
    assert learned_classes(rows, None, ["c"], "") == learned_classes(rows, ["a", "b"], [], "") == ["a", "b"]
