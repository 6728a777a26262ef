"""Recordings in Parquet files."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from features.faults import FaultyError
from pipeline.corpus.recordings import part_name, row_name
from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.corpus.sources.parquet.columns import COLUMNS_SHOWN, is_sound
from pipeline.corpus.sources.parquet.rows import NotParquetError, open_parquet, row_reader


@dataclass(frozen=True)
class ParquetRow(AudioFile):
    """Audio file in a row of a Parquet file, counted from 0, or one of `parts` equal parts of it."""

    row: int = 0
    column: str = "audio"
    by_codecs: bool = False  # whether the extra `codecs` decodes it

    def __str__(self) -> str:
        return part_name(row_name(str(self.path), self.row), self.part, self.parts)

    def encoded(self) -> Path | BinaryIO:
        """Return the audio file in memory.

        Raises
        ------
        FaultyError, OSError
            If there is none, or it cannot be read.
        """
        try:
            return BytesIO(row_reader(self.path, self.column).sound(self.row))
        except NotParquetError as error:
            raise FaultyError(f"the file {error}") from None


def sound_column(path: Path) -> str:
    """Return the column with the sound of a file: `audio`, or the only one that may hold it.

    Raises `NotParquetError` where there is none, or the file is no Parquet file, and `OSError` where it cannot be read.
    """
    with open_parquet(path) as file:
        schema = file.schema_arrow
    names = [field.name for field in schema if is_sound(field.type)]
    if "audio" in names:
        return "audio"
    if len(names) != 1:
        shown = ", ".join(schema.names[:COLUMNS_SHOWN])
        raise NotParquetError(f"has no column 'audio', and no single column of binary; it has {shown}")
    return names[0]


def rows_of(path: Path) -> Sequence[ParquetRow]:
    """Return all rows of a file. Raises `NotParquetError` and `OSError` as `sound_column` does."""
    column = sound_column(path)
    with open_parquet(path) as file:
        return [ParquetRow(path, row=row, column=column) for row in range(file.metadata.num_rows)]
