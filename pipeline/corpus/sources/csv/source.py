"""Reader of ready-made spectrograms: a label and the values on each line of a CSV file, with or without a header."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.audio import content_hash
from pipeline.corpus.recordings import Recording
from pipeline.corpus.sources.base import SCAN, SCAN_CACHE, Recordings, Source, status
from pipeline.corpus.sources.csv.numbers import parse_values, split_line
from pipeline.corpus.sources.csv.recording import CsvRow
from pipeline.corpus.sources.csv.settings import CsvCorpus
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from stores.files import replacing

PLACES = pa.schema(
    [
        ("table", pa.string()),
        ("line", pa.int64()),
        ("start", pa.int64()),  # in bytes
        ("end", pa.int64()),
        ("separator", pa.string()),
    ]
)
LINES = pa.schema([*SCAN, *PLACES])
SEPARATORS = {b";": "semicolons", b"\t": "tabs", b",": "commas"}
TRAIN, TEST = 1, 2  # folds
LONGEST_LINE = 64 << 20  # bytes
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Line:
    """Line of a table that holds anything."""

    number: int  # from 1
    start: int  # in bytes
    text: bytes


class CsvSource(Source[CsvCorpus]):
    """Reader of `corpus: {source: csv, …}`; `config_path` names that section of the configuration in messages."""

    def fingerprint(self) -> str:
        """Return a hash of path, size and modification time of the tables."""
        hasher = blake2b(digest_size=16)
        for path in self._tables().values():
            hasher.update("{}\0{}\0{}\n".format(path, *status(path)).encode())
        return hasher.hexdigest()

    def scan(self, folder: Path, engine: TaskRunner) -> pa.Table:
        """Return all lines of both tables, columns `SCAN`; a table is read as a whole each time."""
        tables = {key: self._scan_table(key, path) for key, path in self._tables().items()}
        if "test" in tables:
            self._refuse_other_labels(tables["train"], tables["test"])
        lines = pa.concat_tables(tables.values()).sort_by("id")
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / SCAN_CACHE) as file:
            pq.write_table(lines, file)
        return lines.select(SCAN.names)

    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        """Return a function from a range of rows of `clips` to their lines."""
        lines = pq.read_table(folder / SCAN_CACHE, columns=["id", *PLACES.names])
        places = lines.drop_columns(["id"]).take(pc.index_in(clips["id"], value_set=lines["id"].combine_chunks()))
        tables = self._tables()

        def some(rows: range) -> list[Recording]:
            records = places.slice(rows.start, len(rows)).to_pylist()
            return [CsvRow(path=tables[record.pop("table")], **record) for record in records]

        return some

    def _tables(self) -> dict[str, Path]:
        """Return the files by the key of the configuration that names them."""
        named = {"train": self._corpus.train, "test": self._corpus.test}
        tables = {key: path for key, path in named.items() if path is not None}
        for key, path in tables.items():
            if not path.is_file():
                fault = "is a folder" if path.is_dir() else "does not exist"
                raise InputError(
                    f"{self._config_path}.{key}: expected a CSV table, but {str(path)!r} {fault}; correct the path"
                )
        if len(tables) == 2 and tables["train"].resolve() == tables["test"].resolve():
            raise InputError(
                f"{self._config_path}.test: expected another table than for training; leave test out for a split"
            )
        return tables

    def _scan_table(self, key: str, path: Path) -> pa.Table:
        """Return all lines of one table, columns `LINES`."""
        fold = None if self._corpus.test is None else {"train": TRAIN, "test": TEST}[key]
        separator = separator_of(path, self._corpus.values)
        rows = []
        for line in table_lines(path, separator):
            label, digest, reason = self._read(line, separator)
            rows.append(
                {
                    "id": f"{key}/{path.name}#{line.number}",
                    "label": label,
                    "group": None,
                    "fold": fold,
                    "side": None,
                    "content_hash": digest,
                    "samples": self._corpus.values,
                    "sample_rate_hz": 0,
                    "reason": reason and f"line {line.number}: {reason}",
                    "table": key,
                    "line": line.number,
                    "start": line.start,
                    "end": line.start + len(line.text),
                    "separator": separator.decode(),
                }
            )
        if not rows:
            raise InputError(f"{self._config_path}.{key}: {path}: expected lines of a label and values, found none")
        return pa.Table.from_pylist(rows, LINES)

    def _read(self, line: Line, separator: bytes) -> tuple[str, str, str]:
        """Return label, content hash, and the reason that the line cannot be used, or an empty one."""
        first, *fields = split_line(line.text, separator)
        expected = f"a label and {self._corpus.values} values between {SEPARATORS[separator]}"
        if len(fields) != self._corpus.values:
            return "", "", f"expected {expected}, got {len(fields) + 1} fields"
        label = _label(first)
        if label is None or not 1 <= label <= self._corpus.classes:
            shown = first[:20].decode(errors="replace")
            return "", "", f"expected a label from 1 to {self._corpus.classes}, got {shown!r}"
        try:
            values = parse_values(fields)
        except ValueError as error:
            return "", "", str(error)
        return str(label), content_hash(values, 0).hex(), ""

    def _refuse_other_labels(self, train: pa.Table, test: pa.Table) -> None:
        labels = [set(table.filter(pc.equal(table["reason"], ""))["label"].to_pylist()) for table in (train, test)]
        if labels[0] != labels[1]:
            train_only, test_only = (", ".join(sorted(these - those)) for these, those in (labels, labels[::-1]))
            faults = [f"{self._corpus.train} alone has {train_only}"] if train_only else []
            faults += [f"{self._corpus.test} alone has {test_only}"] if test_only else []
            raise InputError(
                f"{self._config_path}: expected the same labels in both tables, but {' and '.join(faults)}"
            )


def separator_of(path: Path, values: int) -> bytes:
    """Return the separator that gives one of the first two lines as many fields as there should be.

    Semicolons and tabs come first, since the commas of such a table are in its numbers.
    """
    first = [line.text for line in islice(_content(path), 2)]  # of which one may be a header
    for text in first:
        for separator in SEPARATORS:
            if len(split_line(text, separator)) == values + 1:
                return separator
    return max(reversed(SEPARATORS), key=lambda separator: sum(text.count(separator) for text in first))


def table_lines(path: Path, separator: bytes) -> Iterator[Line]:
    """Yield the lines that hold anything, after a header if there is one."""
    return (line for line in _content(path) if not (line.number == 1 and _is_header(line.text, separator)))


def _content(path: Path) -> Iterator[Line]:
    """Yield the lines that hold anything."""
    start = number = 0
    with open(path, "rb") as file:
        while raw := file.readline(LONGEST_LINE):
            number += 1
            text = raw.rstrip(b"\r\n")
            skipped = len(BYTE_ORDER_MARK) if number == 1 and text.startswith(BYTE_ORDER_MARK) else 0
            line = Line(number, start + skipped, text[skipped:])
            if line.text.strip():
                yield line
            start += len(raw)


def _is_header(text: bytes, separator: bytes) -> bool:
    """Return True if the first line names columns, by words or by consecutive numbers."""
    first, *others = fields = split_line(text, separator)
    numbered = [str(n).encode() for n in range(len(fields) + 1)]
    if fields in (numbered[:-1], numbered[1:]):
        return True
    if _label(first) is not None:
        return False
    return others in (numbered[:-2], numbered[1:-1]) or not all(_is_value(field) for field in others)


def _is_value(field: bytes) -> bool:
    try:
        parse_values([field])
    except ValueError:
        return False
    return True


def _label(field: bytes) -> int | None:
    """Return a whole number, also one written as 3.0; None for anything else."""
    try:
        value = float(field)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
