"""A recorded split can be read, edited and inherited, and says what is wrong with it."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.corpus.sides import SIDES, Sides
from pipeline.corpus.split import Split
from pipeline.corpus.split_file import read_split, recorded_sides, update_split, write_sides
from pipeline.support.errors import InputError


def corpus(groups: list[str], prefix: str = "", labels: list[str | None] | None = None) -> pa.Table:
    """One clip a group."""
    columns = {
        "id": [f"{prefix}{group}.wav" for group in groups],
        "label": pa.array(labels or ["ab"[place % 2] for place in range(len(groups))], pa.string()),
        "group": groups,
        "fold": pa.nulls(len(groups), pa.int64()),
    }
    return pa.table(columns)


def sides_in(path: Path) -> dict[str, str]:
    with open(path, newline="") as file:
        return {row["id"]: row["side"] for row in csv.DictReader(file)}


GROUPS = [f"g{number:02d}" for number in range(40)]


def test_what_is_recorded_can_be_read_and_stays_when_the_corpus_grows_by_a_tenth(tmp_path: Path) -> None:
    path = tmp_path / "splits" / "x.csv"
    counts = update_split(path, corpus(GROUPS), Split())
    assert counts == {"train": 28, "validation": 6, "test": 6}
    first = f"id,group,label,side\ng00.wav,g00,a,{sides_in(path)['g00.wav']}\n"
    assert path.read_bytes().startswith(first.encode())
    before = sides_in(path)
    grown = corpus([*GROUPS, "new0", "new1", "new2", "new3"])
    update_split(path, grown, Split())
    after = sides_in(path)
    assert {name: after[name] for name in before} == before
    assert [SIDES[side] for side in recorded_sides(path, grown)] == [after[name] for name in grown["id"].to_pylist()]


def test_sides_without_a_clip_are_counted_as_well(tmp_path: Path) -> None:
    assert update_split(tmp_path / "x.csv", corpus(GROUPS[:1]), Split()) == {"train": 1, "validation": 0, "test": 0}


def test_an_unchanged_corpus_leaves_the_file_untouched(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    update_split(path, corpus(GROUPS), Split())
    written = path.stat().st_mtime_ns
    update_split(path, corpus(GROUPS[::-1], labels=["ab"[1 - place % 2] for place in range(40)]), Split())
    assert path.stat().st_mtime_ns == written


def test_names_that_look_like_numbers_or_nothing_are_text(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = pa.table(
        {
            "id": ["007", "07", "null", "NaN", "1e3", "true"],
            "label": pa.array(["NA", "NA", "0", "0", "0", None], pa.string()),
            "group": ["01", "1", "null", "", "N/A", "#N/A"],
            "fold": pa.nulls(6, pa.int64()),
        }
    )
    update_split(path, rows, Split())
    table = read_split(path)
    assert set(table.schema.types) == {pa.string()}
    assert table.select(["id", "group"]).to_pylist() == rows.select(["id", "group"]).sort_by("id").to_pylist()
    assert table["label"].null_count == 0
    assert [SIDES[side] for side in recorded_sides(path, rows)] == [
        sides_in(path)[name] for name in rows["id"].to_pylist()
    ]


def test_an_edit_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    update_split(path, corpus(GROUPS), Split())
    path.write_text(path.read_text().replace("g07.wav,g07,b,train", "g07.wav,g07,b,test"))
    update_split(path, corpus([*GROUPS, "new"]), Split())
    assert sides_in(path)["g07.wav"] == "test"


def test_a_recording_that_comes_back_has_its_side_again(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    update_split(path, corpus(GROUPS), Split())
    before = sides_in(path)
    update_split(path, corpus(GROUPS[1:]), Split())
    assert sides_in(path) == before
    update_split(path, corpus(GROUPS), Split())
    assert sides_in(path) == before


def test_a_group_under_another_name_keeps_its_side(tmp_path: Path) -> None:
    """A new recording with the same sound may bring a name that is earlier in the alphabet."""
    path = tmp_path / "x.csv"
    update_split(path, corpus(GROUPS), Split())
    before = sides_in(path)
    renamed = corpus(GROUPS)
    renamed = renamed.set_column(2, "group", pa.array([f"a{group}" for group in GROUPS]))
    update_split(path, renamed, Split(seed=0))
    assert sides_in(path) == before


def test_another_corpus_inherits_the_sides_of_its_groups(tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    update_split(first, corpus(GROUPS[:20]), Split())
    update_split(second, corpus(GROUPS, prefix="elsewhere/"), Split(seed=5), inherited=first)
    before, after = sides_in(first), sides_in(second)
    assert [after[f"elsewhere/{group}.wav"] for group in GROUPS[:20]] == [
        before[f"{group}.wav"] for group in GROUPS[:20]
    ]
    assert len(after) == 40


def test_clips_without_a_label_have_a_side_as_well(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    update_split(path, corpus(GROUPS, labels=[None] * 40), Split())
    assert set(sides_in(path).values()) == set(SIDES)
    assert path.read_text().splitlines()[1].startswith("g00.wav,g00,,")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("side\n", "sides\n"), "expected the columns id, group, label, side, found no side"),
        (("g03,b,", "g03,b,un"), r"line 5: expected a side of train, validation, test, found 'un\w+'"),
        (("g03.wav", "g04.wav"), "expected each clip once, found g04.wav again"),
        (("g03.wav", "gone.wav"), "expected the side of g03.wav, found none"),
        (("g03.wav,", "g03.wav,,"), "expected a CSV table in UTF-8"),
    ],
)
def test_an_edit_that_makes_no_sense_is_one_line(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    path = tmp_path / "x.csv"
    update_split(path, corpus(GROUPS), Split())
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(InputError, match=rf"x\.csv.*{expected}") as caught:
        recorded_sides(path, corpus(GROUPS))
    assert "\n" not in str(caught.value)


def test_a_run_says_which_clips_it_left_out(tmp_path: Path) -> None:
    rows = corpus(GROUPS[:5])
    write_sides(tmp_path / "split.csv", rows, Sides(*map(np.array, ([0, 3], [1], [2], [4]))))
    assert list(sides_in(tmp_path / "split.csv").values()) == ["train", "validation", "test", "train", "left_out"]


@pytest.mark.parametrize("name", ["a,b", 'a"b', "a\nb", "a b", "é"])
def test_only_cells_that_need_quotes_have_them(tmp_path: Path, name: str) -> None:
    clips = corpus([name, "g", "h"])
    update_split(tmp_path / "split.csv", clips, Split())
    with open(tmp_path / "split.csv", newline="") as file:
        text = file.read()
    recorded = list(csv.reader(text.splitlines(keepends=True)))
    assert recorded[0] == ["id", "group", "label", "side"]
    assert {row[1] for row in recorded[1:]} == {name, "g", "h"}
    assert text.count('"') == (0 if name in ("a b", "é") else 8 if '"' in name else 4)  # id and group
