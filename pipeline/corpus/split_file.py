"""Files that record a split: the id, group, label and side of each clip, for a person to read and to edit."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions, read_csv

from pipeline.corpus.sides import OPEN, SIDES, Sides, assign
from pipeline.corpus.split import Split
from pipeline.support.errors import InputError
from stores.files import write_bytes
from training.settings import TaskName

SPLIT_FILE = "split.csv"  # beside a run
COLUMNS = ("id", "group", "label", "side")
LEFT_OUT = "left_out"
ROWS_AT_ONCE = 4096
NEEDS_QUOTES = '[",\r\n]'


def update_split(
    path: Path, clips: pa.Table, split: Split, inherited: Path | None = None, task: TaskName = "multiclass"
) -> dict[str, int]:
    """Bring the recorded split of a corpus up to date with its clips; returns how many are on each side.

    Clips that are recorded keep their side, and so do those whose group `inherited`, the record of another corpus, has;
    new ones go where their class lacks most. Clips that are gone stay recorded, in case they come back. `task` is that
    of `assign`.
    """
    recorded = np.full(len(clips), OPEN, np.int8)
    gone: list[pa.Table] = []
    if inherited is not None:
        recorded = _sides_by(read_split(inherited), "group", clips)
    if path.is_file():
        own, others = _sides_and_others(read_split(path), clips)
        recorded = np.where(own == OPEN, recorded, own)
        gone.append(others)
    sides = assign(clips, split, recorded, task)
    _write(path, pa.concat_tables([_table(clips, pa.array(SIDES).take(pa.array(sides))), *gone]))
    return dict(zip(SIDES, np.bincount(sides, minlength=len(SIDES)).tolist(), strict=True))


def recorded_sides(path: Path, rows: pa.Table) -> np.ndarray:
    """Return the recorded side of each row of a store, places in `SIDES` int8. Raises `InputError` if one has none."""
    sides = _sides_by(read_split(path), "id", rows)
    if (sides == OPEN).any():
        name = rows["id"][int(np.flatnonzero(sides == OPEN)[0])]
        raise InputError(f"{path}: expected the side of {name}, found none; remove this file to draw the split anew")
    return sides


def write_sides(path: Path, rows: pa.Table, sides: Sides) -> None:
    """Record which rows of a store a run trained, validated and tested on, and which it left out."""
    numbers = np.concatenate([sides.train, sides.validation, sides.test, sides.left_out])
    counts = [len(part) for part in (sides.train, sides.validation, sides.test, sides.left_out)]
    names = np.repeat(np.array([*SIDES, LEFT_OUT], dtype=object), counts)
    _write(path, _table(rows.take(numbers), pa.array(names, pa.string())))


def read_sides(path: Path, rows: pa.Table) -> Sides:
    """Return the sides of a run as `write_sides` recorded them; clips that are not recorded are on none."""
    recorded = read_split(path, (*SIDES, LEFT_OUT))
    side_of = recorded["side"].take(pc.index_in(rows["id"], value_set=recorded["id"].combine_chunks()))
    places = pc.fill_null(pc.index_in(side_of, value_set=pa.array([*SIDES, LEFT_OUT])), OPEN).to_numpy()
    return Sides(*(np.flatnonzero(places == number) for number in range(len(SIDES) + 1)))


def read_split(path: Path, names: Sequence[str] = SIDES) -> pa.Table:
    """Read a recorded split, all columns as text. Raises `InputError` with one line for any other content.

    `names` are those that a side may have.
    """
    options = ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()))
    try:
        table = read_csv(path, convert_options=options)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a CSV table in UTF-8: {' '.join(str(error).split())}") from None
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise InputError(f"{path}: expected the columns {', '.join(COLUMNS)}, found no {missing[0]}")
    unknown = pc.indices_nonzero(pc.index_in(table["side"], value_set=pa.array(names)).is_null())
    if len(unknown):
        place = unknown[0].as_py()
        name = table["side"][place].as_py()
        raise InputError(f"{path}, line {place + 2}: expected a side of {', '.join(names)}, found {name!r}")
    if pc.count_distinct(table["id"]).as_py() < len(table):
        counts = pc.value_counts(table["id"])
        twice = counts.filter(pc.greater(counts.field("counts"), 1))
        raise InputError(f"{path}: expected each clip once, found {twice[0]['values']} again; remove one of the lines")
    pa.default_memory_pool().release_unused()  # as much again, of the threads that took the text apart
    return table.select(COLUMNS)


def _sides_and_others(recorded: pa.Table, clips: pa.Table) -> tuple[np.ndarray, pa.Table]:
    """Return the recorded side of each clip, and the lines of clips that are gone."""
    gone = pc.invert(pc.is_in(recorded["id"], value_set=clips["id"].combine_chunks()))
    return _sides_by(recorded, "id", clips), recorded.filter(gone)


def _sides_by(recorded: pa.Table, key: str, clips: pa.Table) -> np.ndarray:
    """Return the side of each clip by its id or group; of a group on several sides the strictest."""
    table = pa.table({key: recorded[key], "side": pc.index_in(recorded["side"], value_set=pa.array(SIDES))})
    if key != "id":  # of which each is there once
        table = table.group_by(key).aggregate([("side", "max")]).rename_columns({"side_max": "side"})
    sides = table["side"].take(pc.index_in(clips[key], value_set=table[key].combine_chunks()))
    return pc.fill_null(sides, OPEN).to_numpy().astype(np.int8)


def _table(clips: pa.Table, sides: pa.Array) -> pa.Table:
    """Return clips as they are recorded, in the order of their ids."""
    columns = [clips["id"], clips["group"], pc.fill_null(clips["label"], ""), sides]
    return pa.table(columns, names=COLUMNS).sort_by("id")


def _write(path: Path, table: pa.Table) -> None:
    data = io.BytesIO()
    text = io.TextIOWrapper(data, encoding="utf-8", newline="")
    lines = csv.writer(text, lineterminator="\n")  # Arrow's own would put every cell into quotes
    lines.writerow(COLUMNS)
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        if any(pc.any(pc.match_substring_regex(column, NEEDS_QUOTES)).as_py() for column in batch.columns):
            lines.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        else:
            text.write("\n".join([*pc.binary_join_element_wise(*batch.columns, ",").to_pylist(), ""]))
    text.flush()
    write_bytes(path, data.getvalue())
