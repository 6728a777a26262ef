"""Rows of a listing of files and segments, each of which names another one."""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.recordings import segment_name
from pipeline.corpus.sources.base import FILES_LISTED
from pipeline.support.errors import InputError

DECIMALS = 9  # of seconds: nanoseconds
SEGMENT = ["path", "start_s", "end_s"]


def distinct_rows(files: pa.Table, place: str, apart: str) -> pa.Table:
    """Return the columns `FILES_LISTED` with a start in every row, in seconds to the nanosecond, and no row twice.

    Raises `InputError` if two rows say different things of one file or segment; `place` names what lists them, and
    `apart` what would tell segments apart.
    """
    starts_s = pc.add(pc.round(pc.fill_null(files["start_s"], 0), DECIMALS), 0.0)  # no -0
    files = files.set_column(1, "start_s", starts_s).set_column(2, "end_s", pc.round(files["end_s"], DECIMALS))
    files = files.cast(FILES_LISTED)
    if pc.count_distinct(files["path"]).as_py() == len(files):
        return files
    distinct = files.group_by(FILES_LISTED.names, use_threads=False).aggregate([])
    counts = distinct.group_by(SEGMENT, use_threads=False).aggregate([("path", "count")])
    for row in counts.filter(pc.greater(counts["path_count"], 1)).slice(0, 1).to_pylist():
        name = segment_name(*(row[key] for key in SEGMENT))
        hint = "" if pc.any(are_segments(distinct)).as_py() else f"; {apart} would tell segments apart"
        raise InputError(
            f"{place} names {name!r} more than once, and says different things of it; keep one of these rows{hint}"
        )
    return distinct.select(FILES_LISTED.names)


def are_segments(files: pa.Table) -> pa.ChunkedArray:
    """Return True for each of the rows that is not all of a file."""
    return pc.or_(pc.not_equal(files["start_s"], 0), pc.is_valid(files["end_s"]))
