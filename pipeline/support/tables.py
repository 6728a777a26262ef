"""Tables of a row for each clip, read in little more memory than they take."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

READ_AT_ONCE = 1 << 20  # bytes of a column


def read_rows(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table in Parquet, all columns or some, each as one array.

    A column is decoded while it is read. `pyarrow.parquet.read_table` would hold the file beside its values.
    """
    with pq.ParquetFile(path, buffer_size=READ_AT_ONCE, pre_buffer=False) as file:
        table = file.read(columns, use_threads=False)
    pa.default_memory_pool().release_unused()
    return table
