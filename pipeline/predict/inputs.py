"""Recordings that are named on the command line: files, folders, records and rows inside files, a pipe."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import soundfile

from features.audio import blocks
from features.decoding import SUFFIXES
from features.faults import checked_blocks
from features.recipe import SoundRecipe
from pipeline.corpus.recordings import row_name, split_row
from pipeline.corpus.sources.base import PassedOver
from pipeline.corpus.sources.csv.recording import CsvRow
from pipeline.corpus.sources.csv.source import separator_of, table_lines
from pipeline.corpus.sources.json.members import Record
from pipeline.corpus.sources.json.recording import array_of
from pipeline.corpus.sources.json.records import FORMS, records
from pipeline.corpus.sources.json.settings import JsonCorpus
from pipeline.corpus.sources.json.source import SUFFIXES as JSON_SUFFIXES
from pipeline.corpus.sources.json.splitter import MalformedError
from pipeline.corpus.sources.parquet.recording import ParquetRow, rows_of, sound_column
from pipeline.corpus.sources.parquet.source import SUFFIXES as PARQUET_SUFFIXES
from pipeline.corpus.sources.walk import files_below
from training.inference.batches import MakeWindows
from training.inference.model import TrainedModel
from training.inference.sounds import file_blocks, sample_blocks
from training.inference.windows import Window

STANDARD_INPUT = "-"
TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
RAW_FORMATS = {  # subtypes of libsndfile, little-endian, by the names of ffmpeg
    "u8": "PCM_U8",
    "s8": "PCM_S8",
    "s16le": "PCM_16",
    "s24le": "PCM_24",
    "s32le": "PCM_32",
    "f32le": "FLOAT",
    "f64le": "DOUBLE",
}


@dataclass(frozen=True)
class RawFormat:
    """Rate, sample format and channels of samples without a header."""

    rate_hz: int
    sample_format: str = "s16le"
    channels: int = 1


@dataclass
class Inputs:
    """Recordings that are named, for one model.

    Attributes
    ----------
    model : TrainedModel
    hop_s : float or None
        Step between the windows of a timeline.
    raw : RawFormat or None
        Form of standard input, if it has no header.
    """

    model: TrainedModel
    hop_s: float | None = None
    raw: RawFormat | None = None
    _spooled: list[Any] = field(default_factory=list)

    def close(self) -> None:
        """Remove the copy of standard input."""
        for spooled in self._spooled:
            spooled.close()

    def expanded(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Return the files that arguments name, and a reason where there are none; those of a folder are sorted."""
        return list(chain.from_iterable(map(self._files, names)))

    def recordings(self, files: Sequence[tuple[str, str]]) -> Iterator[tuple[str, MakeWindows]]:
        """Yield the name of each recording in some files, and what makes its windows or raises its fault."""
        for name, fault in files:
            suffix = Path(name).suffix.lower()
            if fault:
                yield name, partial(_refuse, fault)
            elif name == STANDARD_INPUT:
                yield name, partial(self._piped, self._spool())
            elif not isinstance(self.model.recipe, SoundRecipe):
                yield from self._lines(name)
            elif suffix in JSON_SUFFIXES:
                yield from self._records(name)
            elif suffix in PARQUET_SUFFIXES:
                yield from self._rows(name)
            elif split_row(name)[1] is not None:
                yield name, partial(self._row_at, name)
            else:
                yield name, partial(self._sound, name)

    def _files(self, name: str) -> Iterator[tuple[str, str]]:
        path = Path(name)
        if name == STANDARD_INPUT or not os.path.isdir(name):  # which raises nothing, whatever the name
            yield name, ""
            return
        suffixes = SUFFIXES | PARQUET_SUFFIXES
        if self.model.description.corpus.sample_rate_hz:
            suffixes |= JSON_SUFFIXES
        if not isinstance(self.model.recipe, SoundRecipe):
            suffixes = TABLE_SUFFIXES
        passed_over = PassedOver()
        try:
            names = sorted(files_below(path, suffixes, passed_over))
        except OSError as error:
            yield name, f"cannot be read: {error.strerror}"
            return
        if not names:
            others = f" but {passed_over}" if str(passed_over) else ""
            yield name, f"expected files that end in {', '.join(sorted(suffixes))}, found none{others}"
        yield from ((str(path / one), "") for one in names)

    def _sound(self, path: str) -> Iterator[Window]:
        with file_blocks(path) as (parts, rate_hz):
            yield from self.model.reader.of_sound(parts, rate_hz, self.hop_s)

    def _spool(self) -> str:
        """Copy standard input to a file, since decoders go back and forth; return its path."""
        spooled = NamedTemporaryFile(suffix=".wav")  # noqa: SIM115  # removed by `close`
        self._spooled.append(spooled)
        shutil.copyfileobj(sys.stdin.buffer, spooled)
        spooled.flush()
        return spooled.name

    def _piped(self, path: str) -> Iterator[Window]:
        if self.raw is None:
            yield from self._sound(path)
            return
        with raw_sound(path, self.raw) as sound:
            yield from self.model.reader.of_sound(checked_blocks(blocks(sound)), sound.samplerate, self.hop_s)

    def _records(self, name: str) -> Iterator[tuple[str, MakeWindows]]:
        path, count = Path(name), 0
        try:
            for count, record in enumerate(records(path, JsonCorpus(root=path.parent)), start=1):
                yield f"{name}#{count - 1}", partial(self._record, path, count - 1, record)
        except MalformedError as error:
            yield name, partial(_refuse, f"{error}; {FORMS}")
        except OSError as error:
            yield name, partial(_raise, error)
        else:
            if not count:
                yield name, partial(_refuse, "it holds no record")

    def _record(self, path: Path, number: int, record: Record) -> Iterator[Window]:
        default_hz = self.model.description.corpus.sample_rate_hz
        if record.sample_rate_hz is None and default_hz is None and not record.reason:
            raise ValueError("it states no rate, and the model has learned from none that does not; add fs")
        samples, rate_hz = array_of(path, number, record, default_hz or 0).decode()
        yield from self.model.reader.of_sound(*sample_blocks(samples, rate_hz), self.hop_s)

    def _rows(self, name: str) -> Iterator[tuple[str, MakeWindows]]:
        """Yield the rows of a Parquet file."""
        try:
            rows = rows_of(Path(name))
        except ValueError as error:
            yield name, partial(_refuse, str(error))
        except OSError as error:
            yield name, partial(_raise, error)
        else:
            if not rows:
                yield name, partial(_refuse, "it holds no row")
            yield from ((row_name(name, row.row), partial(self._row, row)) for row in rows)

    def _row(self, row: ParquetRow) -> Iterator[Window]:
        with file_blocks(row.encoded()) as (parts, rate_hz):
            yield from self.model.reader.of_sound(parts, rate_hz, self.hop_s)

    def _row_at(self, name: str) -> Iterator[Window]:
        file, row = split_row(name)
        assert row is not None
        yield from self._row(ParquetRow(Path(file), row=row, column=sound_column(Path(file))))

    def _lines(self, name: str) -> Iterator[tuple[str, MakeWindows]]:
        """Yield the spectrograms of a table whose lines hold a label, which is not read, and their values."""
        path, expected, count = Path(name), int(self.model.recipe.shape[0] * self.model.recipe.shape[1]), 0
        try:
            separator = separator_of(path, expected)
            for line in table_lines(path, separator):
                count += 1
                row = CsvRow(path, line.number, line.start, line.start + len(line.text), separator.decode())
                yield f"{name}#{line.number}", partial(self._line, row)
        except OSError as error:
            yield name, partial(_raise, error)
        else:
            if not count:
                yield name, partial(_refuse, "it holds no line of a label and values")

    def _line(self, row: CsvRow) -> Iterator[Window]:
        yield from self.model.reader.of_values(row.decode()[0])


@contextmanager
def raw_sound(path: str, raw: RawFormat) -> Iterator[soundfile.SoundFile]:
    """Open samples without a header."""
    with soundfile.SoundFile(
        path,
        samplerate=raw.rate_hz,
        channels=raw.channels,
        format="RAW",
        subtype=RAW_FORMATS[raw.sample_format],
        endian="LITTLE",
    ) as sound:
        yield sound


def reason_of(error: ValueError | OSError) -> str:
    """Return why a recording has no answer, in one line without its name."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return " ".join(str(error).split())


def _refuse(reason: str) -> Iterator[Window]:
    raise ValueError(reason)


def _raise(error: OSError) -> Iterator[Window]:
    raise error
