"""The file of a run's predictions: what was predicted, in bytes that the same predictions always have."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from predicted import drawn_predictions

from training.evaluation.intervals import ScoredClips, score_intervals
from training.evaluation.prediction_table import PREDICTIONS, read_predictions, write_predictions

CLASSES = ["a", "logit b"]


def written(path: Path, order: np.ndarray | None = None) -> ScoredClips:
    """Write predictions for 30 recordings in 10 groups, in any order."""
    drawn, groups = drawn_predictions(3, 30, 2), np.arange(30) // 3
    clips = ScoredClips(drawn, drawn.logits[:, 1] > 0.3, groups, positive=1)
    clips = replace(clips, decided=clips.decided.astype(np.int64))
    order = np.arange(30) if order is None else order
    columns = (clips.predictions.rows, clips.predictions.labels, clips.predictions.logits)
    shown = ScoredClips(
        type(drawn)(*(column[order] for column in columns)), clips.decided[order], groups[order], positive=1
    )
    names = [f"{number:02}.wav" for number in range(30)]
    groups_by_name = pa.chunked_array([[f"group {groups[number]}" for number in order]])
    write_predictions(path, shown, [names[number] for number in order], groups_by_name, CLASSES)
    return clips


def test_predictions_are_read_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "run" / PREDICTIONS
    clips = written(path)
    tested = read_predictions(path).clips
    for name in ("rows", "labels", "logits"):
        np.testing.assert_array_equal(getattr(tested.predictions, name), getattr(clips.predictions, name))
    np.testing.assert_array_equal(tested.decided, clips.decided)
    assert tested.positive == 1
    assert score_intervals(tested) == score_intervals(clips)


@pytest.mark.parametrize("column", ["recording", "group", "class"])
def test_runs_are_paired_by_names_groups_and_classes(tmp_path: Path, column: str) -> None:
    """What a run predicts does not count, and one recording that is another one's does."""
    path = tmp_path / PREDICTIONS
    written(path)
    identity, table = read_predictions(path).identity, pq.read_table(path)
    for name, same in (("decided", True), (column, False)):
        values = table[name].to_pylist()
        values[0] = CLASSES[1 - CLASSES.index(values[0])] if values[0] in CLASSES else "another"
        place = table.column_names.index(name)
        pq.write_table(table.set_column(place, name, pa.array(values, pa.string())), path)
        assert (read_predictions(path).identity == identity) == same


def test_other_programs_read_them(tmp_path: Path) -> None:
    clips = written(tmp_path / PREDICTIONS)
    table = pq.read_table(tmp_path / PREDICTIONS)
    types = ["string", "string", "string", "string", "float", "float"]
    assert dict(zip(table.column_names, map(str, table.schema.types), strict=True)) == dict(
        zip(["recording", "group", "class", "decided", "logit a", "logit logit b"], types, strict=True)
    )
    right = np.mean([row["class"] == row["decided"] for row in table.to_pylist()])
    assert right == np.mean(clips.decided == clips.predictions.labels)


def test_the_bytes_do_not_depend_on_the_order(tmp_path: Path) -> None:
    written(tmp_path / "one")
    written(tmp_path / "two", np.random.default_rng(0).permutation(30))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_recordings_without_a_group_are_of_one_group(tmp_path: Path) -> None:
    clips = written(tmp_path / PREDICTIONS)
    names = [f"{number:02}.wav" for number in range(30)]
    groups = pa.chunked_array([[None] * 29 + ["one"]])
    write_predictions(tmp_path / PREDICTIONS, clips, names, groups, CLASSES)
    assert read_predictions(tmp_path / PREDICTIONS).clips.group_count == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.slice(0, 0),
        lambda table: pa.concat_tables([table, table.slice(4, 1)]),
        lambda table: table.drop_columns(["group"]),
        lambda table: table.drop_columns(["logit a"]),
    ],
    ids=["empty", "a recording twice", "no groups", "a class without logits"],
)
def test_other_tables_are_refused(tmp_path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    written(tmp_path / PREDICTIONS)
    pq.write_table(change(pq.read_table(tmp_path / PREDICTIONS)), tmp_path / PREDICTIONS)
    with pytest.raises(ValueError, match=r"predictions\.parquet: expected "):
        read_predictions(tmp_path / PREDICTIONS)


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    """But for bytes that no value depends on."""
    written(tmp_path / PREDICTIONS)
    sound = (tmp_path / PREDICTIONS).read_bytes()
    expected = read_predictions(tmp_path / PREDICTIONS)
    refused = 0
    for place in range(0, len(sound), 7):
        damaged = bytearray(sound)
        damaged[place] ^= 16
        (tmp_path / PREDICTIONS).write_bytes(damaged)
        try:
            tested = read_predictions(tmp_path / PREDICTIONS)
        except (OSError, ValueError):
            refused += 1
        else:
            np.testing.assert_array_equal(tested.clips.predictions.logits, expected.clips.predictions.logits)
            assert tested.identity == expected.identity
    assert refused > 100
