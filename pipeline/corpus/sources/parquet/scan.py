"""Scan of Parquet files by row groups: each row is decoded to its end, as an audio file is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import soundfile

from features.codecs.versions import decoder_version
from pipeline.corpus.recordings import part_name, row_name
from pipeline.corpus.sources.audio.probe import Probe, probe
from pipeline.corpus.sources.base import PROBE_VERSION, SCAN, UNREADABLE, status
from pipeline.corpus.sources.parquet.columns import ColumnError, Columns
from pipeline.corpus.sources.parquet.recording import ParquetRow
from pipeline.corpus.sources.parquet.rows import NotParquetError, one_line, open_parquet, row_reader
from pipeline.corpus.sources.parquet.settings import ParquetCorpus
from pipeline.support.errors import InputError

OF_CODECS = b"av"  # the decoder of those rows that libsndfile does not read

ROWS = pa.schema(
    [
        *SCAN,
        ("by_codecs", pa.bool_()),
        ("labels", pa.string()),  # what the labels of the file mean: equal texts, equal meanings
        ("file", pa.string()),
        ("size", pa.int64()),  # of the file
        ("mtime_ns", pa.int64()),
    ]
)


@dataclass(frozen=True)
class RowGroup:
    """One row group of one file, to be scanned."""

    corpus: ParquetCorpus
    config_path: str
    root: Path
    file: str
    number: int
    first: int  # row of the file
    rows: int


def row_groups(corpus: ParquetCorpus, config_path: str, root: Path, file: str) -> list[RowGroup]:
    """Return the row groups of a file. Raises `InputError` for one whose columns are not as configured."""
    with opened(root / file, config_path) as parquet:
        columns_of(parquet.schema_arrow, corpus, config_path, root / file)
        first, groups = 0, []
        for number in range(parquet.metadata.num_row_groups):
            rows = parquet.metadata.row_group(number).num_rows
            groups.append(RowGroup(corpus, config_path, root, file, number, first, rows))
            first += rows
    return [group for group in groups if group.rows]


def opened(path: Path, config_path: str) -> pq.ParquetFile:
    """Open a file. Raises `InputError` where it cannot be read."""
    try:
        return open_parquet(path)
    except NotParquetError as error:
        raise InputError(f"{config_path}.root: {path} {error}") from None
    except OSError as error:
        raise InputError(f"{config_path}.root: {path}: {UNREADABLE}: {error.strerror}") from None


def columns_of(schema: pa.Schema, corpus: ParquetCorpus, config_path: str, path: Path) -> Columns:
    """Return the columns of a file. Raises `InputError` for one that is not as configured."""
    try:
        return Columns.of(schema, corpus)
    except ColumnError as error:
        raise InputError(f"{config_path}.{error.setting}: {path}: {error}") from None


def scan_group(group: RowGroup) -> pa.Table:
    """Return all rows of a row group, and parts of rows, columns `ROWS`; sides that are not in a column are null."""
    corpus, path = group.corpus, group.root / group.file
    size, mtime_ns = status(path)
    columns, values, reasons = _values(group, path)
    rows: list[dict[str, Any]] = []
    for place, reason in enumerate(reasons):
        row = group.first + place
        parts = [
            ParquetRow(path, part, corpus.segments, row=row, column=corpus.audio) for part in range(corpus.segments)
        ]
        probes = [Probe(reason=reason)] * len(parts) if reason else probe(parts, corpus.silent == "quarantine")
        name = row_name(group.file, row)
        said = {setting: of_rows[place] for setting, of_rows in values.items()}
        if len(parts) > 1 and said["group"] is None:
            said["group"] = name
        for part, found in zip(parts, probes, strict=True):
            rows.append({"id": part_name(name, part.part, part.parts), **said, **asdict(found)})
    table = pa.table({key: pa.array([row[key] for row in rows]) for key in rows[0]})
    of_file = {"labels": columns.label_digest, "file": group.file, "size": size, "mtime_ns": mtime_ns}
    for key, value in of_file.items():
        table = table.append_column(key, pa.repeat(value, len(table)))
    return table.select(ROWS.names).cast(ROWS)


def _values(group: RowGroup, path: Path) -> tuple[Columns, dict[str, list[str | None]], list[str]]:
    """Return the columns of a file but for the sound, their values in the row group, and a reason for each row."""
    reader = row_reader(path, group.corpus.audio)
    columns = columns_of(reader.file.schema_arrow, group.corpus, group.config_path, path)
    if not columns.names:
        return columns, *columns.read(pa.table({"": pa.nulls(group.rows)}))
    try:
        table = reader.file.read_row_group(group.number, columns=columns.names, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        reason = f"damaged: its row group cannot be read: {one_line(error)}"
        return columns, dict.fromkeys(("label", "group", "fold", "side"), [None] * group.rows), [reason] * group.rows
    try:
        return columns, *columns.read(table)
    except ColumnError as error:
        place = f"from row {group.first} on, {error}" if group.first else str(error)
        raise InputError(f"{group.config_path}.{error.setting}: {path}: {place}") from None


def cache_schema(corpus: ParquetCorpus) -> pa.Schema:
    """Return the schema of the last scan, with all that decides what a scan finds in the same files."""
    return ROWS.with_metadata(
        {
            "probe": str(PROBE_VERSION),
            "libsndfile": soundfile.__libsndfile_version__,
            OF_CODECS: decoder_version(),
            "corpus": corpus.model_dump_json(),
        }
    )


def cached_rows(cache: Path, states: Mapping[str, tuple[int, int]], schema: pa.Schema) -> pa.Table:
    """Return the rows of files that have not changed since the last scan, if it was by the same settings and decoders.

    With another decoder of codecs, files that it has decoded, or that have rows that none could, are left out.
    """
    if not cache.is_file():
        return ROWS.empty_table()
    rows = pq.read_table(cache)
    before, now = (dict(one.metadata or {}) for one in (rows.schema, schema))
    other_codecs = before.pop(OF_CODECS, None) != now.pop(OF_CODECS, None)
    if before != now:
        return ROWS.empty_table()
    states_before = rows.group_by(["file", "size", "mtime_ns"]).aggregate([]).to_pylist()
    unchanged = [one["file"] for one in states_before if states.get(one["file"]) == (one["size"], one["mtime_ns"])]
    kept = pc.is_in(rows["file"], value_set=pa.array(unchanged, pa.string()))
    if other_codecs:
        open_again = rows["file"].filter(pc.or_(rows["by_codecs"], pc.not_equal(rows["reason"], ""))).unique()
        kept = pc.and_not(kept, pc.is_in(rows["file"], value_set=open_again))
    return rows.filter(kept).cast(ROWS)
