"""Audio files in a folder: labelled by their sub-folder, or by a CSV table."""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from features.audio import SUFFIXES
from pipeline.config import AudioCorpus
from pipeline.errors import InputError
from pipeline.sources.base import LISTING, Listing


class AudioSource:
    """`corpus: {source: audio, …}` of one experiment; `where` names that section in error messages."""

    def __init__(self, corpus: AudioCorpus, where: str) -> None:
        self._corpus = corpus
        self._where = where

    def fingerprint(self) -> str:
        """Hash of path, size and modification time of every file that the corpus may use; nothing is opened."""
        known = blake2b(digest_size=16)
        for path, status in sorted(self._walk(), key=lambda found: found[0]):
            known.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        if self._corpus.table is not None:
            known.update(self._table_path().read_bytes())
        return known.hexdigest()

    def listing(self) -> Listing:
        """All recordings of the corpus. Raises `InputError` where folder, table or columns are not as configured."""
        if self._corpus.table is None:
            table = self._from_folders()
            expected = f"audio files in one sub-folder per label ({', '.join(sorted(SUFFIXES))})"
        else:
            table = self._from_table(self._table_path())
            expected = "rows"
        if not table.num_rows:
            looked_at = self._corpus.table or self._corpus.root
            raise InputError(f"{self._where}: {looked_at}: expected {expected}, found none")
        return Listing(self._root(), table.sort_by("id"))

    def _root(self) -> Path:
        root = self._corpus.root
        if not root.is_dir():
            raise InputError(
                f"{self._where}.root: expected a folder with recordings, but {str(root)!r} "
                f"{'is a file' if root.exists() else 'does not exist'}; correct the path"
            )
        return root

    def _walk(self) -> Iterator[tuple[str, os.stat_result]]:
        """Audio files below the root as (path relative to it with forward slashes, status)."""
        folders = [(self._root(), "")]
        while folders:
            folder, prefix = folders.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        folders.append((Path(entry.path), f"{prefix}{entry.name}/"))
                    elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                        yield prefix + entry.name, entry.stat()

    def _from_folders(self) -> pa.Table:
        ids = sorted(path for path, _ in self._walk())
        if loose := [path for path in ids if "/" not in path]:
            raise InputError(
                f"{self._where}.root: {self._corpus.root / loose[0]} lies in no sub-folder that would give its label; "
                "move it into one, or name a table: with path and label"
            )
        empty = pa.nulls(len(ids))
        labels = [path.split("/", 1)[0] for path in ids]
        return pa.table([ids, labels, empty.cast(pa.string()), empty.cast(pa.int64())], schema=LISTING)

    def _table_path(self) -> Path:
        """The table relative to where the command runs, or else to the root."""
        named = self._corpus.table
        assert named is not None
        for candidate in (named, self._root() / named):
            if candidate.is_file():
                return candidate
        raise InputError(
            f"{self._where}.table: {str(named)!r} is neither here nor in {self._corpus.root}; correct the path"
        )

    def _from_table(self, path: Path) -> pa.Table:
        corpus = self._corpus
        text = csv.ConvertOptions(strings_can_be_null=False, column_types={})
        try:
            names = csv.open_csv(path).schema.names
            text.column_types = dict.fromkeys(names, pa.string())
            table = csv.read_csv(path, convert_options=text)
        except pa.ArrowInvalid as error:
            raise InputError(f"{self._where}.table: {path}: not a readable CSV table: {error}") from None
        columns = {}
        for field in ("path", "label", "group", "fold"):
            column = getattr(corpus, field)
            if column is not None and column not in names:
                raise InputError(f"{self._where}.{field}: {path} has no column {column!r}; it has {', '.join(names)}")
            columns[field] = pa.nulls(len(table), pa.string()) if column is None else table[column]
        self._no_empty(path, columns["path"], corpus.path)
        self._no_empty(path, columns["label"], corpus.label)
        ids = columns["path"].combine_chunks()
        counts = pc.value_counts(ids)
        if repeated := [row["values"].as_py() for row in counts if row["counts"].as_py() > 1]:
            raise InputError(f"{self._where}.path: {path} names {repeated[0]!r} more than once; keep one of these rows")
        if absolute := [name for name in ids.to_pylist() if os.path.isabs(name)]:
            raise InputError(f"{self._where}.path: {path} names {absolute[0]!r}; expected paths relative to the root")
        group = pc.if_else(pc.equal(columns["group"], ""), None, columns["group"])
        fold = self._integers(path, columns["fold"], corpus.fold)
        return pa.table([ids, columns["label"], group, fold], schema=LISTING)

    def _no_empty(self, path: Path, column: pa.ChunkedArray, name: str) -> None:
        for row, value in enumerate(column.to_pylist(), start=2):
            if not value:
                raise InputError(
                    f"{self._where}: {path}, line {row}: column {name!r} is empty; fill it or remove the row"
                )

    def _integers(self, path: Path, column: pa.Array, name: str | None) -> pa.Array:
        for row, value in enumerate(column.to_pylist(), start=2):
            if value is not None and not value.strip().lstrip("-").isdigit():
                raise InputError(f"{self._where}.fold: {path}, line {row}: {name} should be an integer, got {value!r}")
        return pc.cast(column, pa.int64())
