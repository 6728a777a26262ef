"""Reader of the rows of a Parquet file, of which no more than a page of encoded sound is in memory at a time."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.faults import FaultyError
from pipeline.corpus.sources.base import status

MAGIC = b"PAR1"  # at either end of a Parquet file
LFS_POINTER = b"vers"  # the first bytes of a text that Git LFS has in the place of a file
READ_BYTES = 1 << 20  # of a file at a time
BATCH_BYTES = 8 << 20  # of a row group at a time, at least a row
BATCH_ROWS = 64
LONGEST_SHOWN = 80  # characters of a path in a reason


class NotParquetError(ValueError):
    """A file that cannot be read as Parquet; its text is the reason, without the path."""


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file, whose columns are then read page by page.

    Raises `NotParquetError` where it is none, and `OSError` where it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(len(MAGIC))
        file.seek(max(0, file.seek(0, 2) - len(MAGIC)))
        tail = file.read()
    if head == LFS_POINTER:
        raise NotParquetError("is a pointer of Git LFS and not the file; fetch it by `git lfs pull`")
    if head != MAGIC:
        raise NotParquetError(f"is no Parquet file: it begins with {head!r}")
    if tail != MAGIC:
        raise NotParquetError("is truncated: it does not end as a Parquet file does; fetch it again")
    try:
        return pq.ParquetFile(path, buffer_size=READ_BYTES, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise NotParquetError(f"cannot be read as Parquet: {one_line(error)}") from None


class RowReader:
    """Reader of the sound in single rows of one file.

    Rows that follow each other are read in one pass over their row group. An earlier row of a group begins it anew.

    Parameters
    ----------
    path : Path
    column : str
        Column with the bytes of audio files, or with structs that hold them as `bytes`.
    """

    def __init__(self, path: Path, column: str) -> None:
        self.file = open_parquet(path)
        self._column = column
        metadata = self.file.metadata
        self._groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        self._starts = np.cumsum([0, *(group.num_rows for group in self._groups)])
        self._group = -1
        self._batches: Any = iter(())
        self._first = 0  # row of the file with which the batch begins
        self._batch: pa.Array = pa.nulls(0)

    def close(self) -> None:
        self._batches = iter(())
        self.file.close()

    def sound(self, row: int) -> bytes:
        """Return the audio file in a row, counted from 0.

        Raises
        ------
        FaultyError
            If there is no such row, or none that can be read, or no sound in it.
        """
        if not 0 <= row < self._starts[-1]:
            raise FaultyError(f"no row {row}; it has {self._starts[-1]}, counted from 0")
        try:
            self._go_to(row)
        except (pa.ArrowException, OSError, StopIteration) as error:
            self._group = -1  # to be begun anew
            raise FaultyError(f"damaged: its row group cannot be read: {one_line(error)}") from None
        return self._encoded(self._batch[row - self._first])

    def _go_to(self, row: int) -> None:
        group = int(np.searchsorted(self._starts, row, "right")) - 1
        if group != self._group or row < self._first:
            size = self._groups[group].total_byte_size // self._groups[group].num_rows
            self._batch = pa.nulls(0)
            self._batches = self.file.iter_batches(
                batch_size=min(BATCH_ROWS, max(1, BATCH_BYTES // max(1, size))),
                row_groups=[group],
                columns=[self._column],
                use_threads=False,
            )
            self._group, self._first = group, int(self._starts[group])
        while row >= self._first + len(self._batch):
            passed = len(self._batch)
            self._batch = pa.nulls(0)  # before the next one is read
            self._batch, self._first = next(self._batches).column(0), self._first + passed

    @staticmethod
    def _encoded(value: pa.Scalar) -> bytes:
        path = None
        if isinstance(value, pa.StructScalar):
            if not value.is_valid:
                raise FaultyError("no sound: the row is null")
            path = value["path"].as_py() if "path" in value.type.names else None
            value = value["bytes"]
        if value.is_valid:
            encoded: bytes = value.as_buffer().to_pybytes()
            return encoded
        if path:
            raise FaultyError(f"no sound: the bytes are null, and {str(path)[:LONGEST_SHOWN]!r} is a file elsewhere")
        raise FaultyError("no sound: the bytes are null")


class _OfThread(threading.local):
    """Reader that a thread has open, and the file and column that it reads."""

    reader: RowReader | None = None
    key: tuple[Path, str, tuple[int, int]] | None = None


_OF_THREAD = _OfThread()


def row_reader(path: Path, column: str) -> RowReader:
    """Return the reader of this thread, which stays open for the next rows of the same file.

    Raises `NotParquetError` or `OSError` where it cannot be opened.
    """
    key = (path, column, status(path))
    if _OF_THREAD.reader is None or _OF_THREAD.key != key:
        close_row_reader()
        _OF_THREAD.reader, _OF_THREAD.key = RowReader(path, column), key
    return _OF_THREAD.reader


def close_row_reader() -> None:
    """Close the reader of this thread."""
    if _OF_THREAD.reader is not None:
        _OF_THREAD.reader.close()
        _OF_THREAD.reader = None


def one_line(error: BaseException) -> str:
    """Return the text of an error of Arrow's in one line."""
    return " ".join(str(error).split()) or type(error).__name__
