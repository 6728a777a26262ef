"""Audio files in a folder: labelled by their sub-folder, by a CSV table, or not at all."""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from features.audio import SUFFIXES
from pipeline.config.corpora import AudioCorpus
from pipeline.corpus.recordings import audio_file, part_name
from pipeline.corpus.sources.base import LISTING, Listing, PassedOver, Recordings, refuse_other_names, status
from pipeline.corpus.sources.scan import look
from pipeline.support.errors import InputError
from pipeline.support.executors import Engine

SIDE_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "eval": "test",
}
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
LONGEST_HEADER = 1 << 20  # bytes


class AudioSource:
    """`corpus: {source: audio, …}` of one experiment; `where` names that section in error messages."""

    def __init__(self, corpus: AudioCorpus, where: str) -> None:
        self._corpus = corpus
        self._where = where
        self.passed_over = PassedOver()

    def fingerprint(self) -> str:
        known = blake2b(digest_size=16)
        if self._corpus.table is not None:
            known.update(self._table_path().read_bytes())
            ids = self._from_table(self._table_path())["id"].to_pylist()
            found = [(name, *status(self._root() / name)) for name in ids]
        else:
            found = [(path, *status(self._root() / path)) for path in self.files()]
        for name, size, mtime_ns in sorted(found):
            known.update(f"{name}\0{size}\0{mtime_ns}\n".encode(errors="surrogateescape"))
        return known.hexdigest()

    def look(self, folder: Path, engine: Engine) -> pa.Table:
        return look(folder, self.listing(), self._corpus.silent == "quarantine", engine)

    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        ids = clips["id"]
        return lambda rows: [
            audio_file(self._corpus.root, name) for name in ids.slice(rows.start, len(rows)).to_pylist()
        ]

    def listing(self) -> Listing:
        """All recordings of the corpus. Raises `InputError` where folder, table or columns are not as configured."""
        if self._corpus.table is None:
            table = self._from_folders()
            expected = f"audio files ({', '.join(sorted(SUFFIXES))})"
        else:
            table = self._from_table(self._table_path())
            expected = "rows"
        if not table.num_rows:
            looked_at = self._corpus.table or self._corpus.root
            others = f" but {self.passed_over}" if str(self.passed_over) else ""
            raise InputError(f"{self._where}: {looked_at}: expected {expected}, found none{others}")
        return Listing(self._root(), self._in_parts(table).sort_by("id"))

    def _in_parts(self, table: pa.Table) -> pa.Table:
        """Each recording as its equal parts, which form a group where none is given."""
        parts = self._corpus.segments
        if parts == 1:
            return table
        rows = table.take(np.repeat(np.arange(len(table)), parts))
        ids = [part_name(name, part, parts) for name in table["id"].to_pylist() for part in range(parts)]
        group = pc.coalesce(rows["group"], rows["id"])
        return pa.table([ids, rows["label"], group, rows["fold"], rows["side"]], schema=LISTING)

    def _root(self) -> Path:
        root = self._corpus.root
        if not root.is_dir():
            raise InputError(
                f"{self._where}.root: expected a folder with recordings, but {str(root)!r} "
                f"{'is a file' if root.exists() else 'does not exist'}; correct the path"
            )
        return root

    def files(self) -> Iterator[str]:
        """Audio files below the root, as paths relative to it with forward slashes; others are `passed_over`.

        Links to folders are followed, but never into a folder that is being walked already.
        """
        self.passed_over = PassedOver()
        root = self._root()
        folders = [(root, "", frozenset({root.resolve()}))]
        while folders:
            folder, prefix, above = folders.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if os.path.splitext(entry.name)[1].lower() in SUFFIXES and not os.path.isdir(entry.path):
                        yield prefix + entry.name
                    elif os.path.isdir(entry.path):
                        target = Path(entry.path).resolve()
                        if target not in above:
                            folders.append((Path(entry.path), f"{prefix}{entry.name}/", above | {target}))
                    else:
                        self.passed_over.add(entry.name)

    def _from_folders(self) -> pa.Table:
        ids = sorted(self.files())
        refuse_other_names(ids, f"{self._where}.root")
        labels = [path.split("/", 1)[0] if "/" in path else None for path in ids]
        empty = [pa.nulls(len(ids), LISTING.field(name).type) for name in ("group", "fold", "side")]
        return pa.table([ids, pa.array(labels, pa.string()), *empty], schema=LISTING)

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
        table = self._read(path)
        chosen = self._chosen(path, table)
        columns = {}
        for field in ("path", "label", "group", "fold", "side"):
            column = getattr(corpus, field)
            if column is not None and table.column_names.count(column) != 1:
                found = "two columns" if column in table.column_names else "no column"
                unlabelled = "; label: null says that there are no labels" if field == "label" else ""
                raise InputError(
                    f"{self._where}.{field}: {path} has {found} {column!r}; it has "
                    f"{', '.join(table.column_names)}{unlabelled}"
                )
            columns[field] = pa.nulls(len(table), pa.string()) if column is None else table[column]
        for line, value in enumerate(columns["path"].to_pylist(), start=2):
            if not value.strip():
                raise InputError(
                    f"{self._where}.path: {path}, line {line}: column {corpus.path!r} is empty; fill it or "
                    "remove the row"
                )
        ids = pa.array([os.path.normpath(name) for name in columns["path"].to_pylist()], pa.string())
        for count in pc.value_counts(ids).to_pylist():
            name = count["values"]
            if count["counts"] > 1:
                raise InputError(f"{self._where}.path: {path} names {name!r} more than once; keep one of these rows")
            if os.path.isabs(name) or "\0" in name:
                raise InputError(f"{self._where}.path: {path} names {name!r}; expected paths relative to the root")
        label, group = _stripped(columns["label"]), _stripped(columns["group"])
        fold = pa.nulls(len(table), pa.int64()) if corpus.fold is None else self._folds(path, columns["fold"])
        side = columns["side"] if corpus.side is None else self._sides(path, columns["side"])
        return pa.table([ids, label, group, fold, side], schema=LISTING).filter(chosen)

    def _chosen(self, path: Path, table: pa.Table) -> pa.Array:
        """Which rows have columns that say what they should."""
        chosen = pa.array(np.ones(len(table), bool))
        for column, value in self._corpus.only.items():
            if table.column_names.count(column) != 1:
                raise InputError(
                    f"{self._where}.only: {path} has no column {column!r} of that name alone; it has "
                    f"{', '.join(table.column_names)}"
                )
            chosen = pc.and_(chosen, pc.equal(table[column], value))
            if not pc.any(chosen).as_py():
                raise InputError(f"{self._where}.only: {path} has no row left whose {column} is {value!r}")
        return chosen

    def _read(self, path: Path) -> pa.Table:
        """All columns of a CSV file as text, between commas or, where its header shows them, semicolons or tabs."""
        options = csv.ConvertOptions(strings_can_be_null=False)
        parsing = csv.ParseOptions(delimiter=self._separator(path))
        try:
            names = csv.open_csv(path, parse_options=parsing).schema.names
            options.column_types = dict.fromkeys(names, pa.string())
            return csv.read_csv(path, parse_options=parsing, convert_options=options)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            why, between = " ".join(str(error).split()), SEPARATORS[parsing.delimiter]
            raise InputError(
                f"{self._where}.table: {path}: expected a CSV table in UTF-8 with {between} and a header line: {why}"
            ) from None

    def _separator(self, path: Path) -> str:
        """Return the separator that the header has beside the name of the column with the file, or else has most of."""
        with open(path, "rb") as file:
            header = file.readline(LONGEST_HEADER).decode("utf-8-sig", errors="replace")
        for separator in SEPARATORS:
            if self._corpus.path in [name.strip().strip('"') for name in header.split(separator)]:
                return separator
        return max(SEPARATORS, key=header.count)

    def _folds(self, path: Path, column: pa.ChunkedArray) -> pa.Array:
        numbers = []
        for line, value in enumerate(column.to_pylist(), start=2):
            text = value.strip()
            if not (text.isascii() and text.isdigit() and len(text) < 10):
                raise InputError(
                    f"{self._where}.fold: {path}, line {line}: {self._corpus.fold} should be a number, got {value!r}"
                )
            numbers.append(int(text))
        return pa.array(numbers, pa.int64())

    def _sides(self, path: Path, column: pa.ChunkedArray) -> pa.Array:
        """Return the sides that a column gives, by their names in `SIDES`."""
        names = [SIDE_NAMES.get(value.strip().lower()) for value in column.to_pylist()]
        if None in names:
            place = names.index(None)
            raise InputError(
                f"{self._where}.side: {path}, line {place + 2}: {self._corpus.side} should be one of "
                f"{', '.join(SIDE_NAMES)}, got {column[place].as_py()!r}"
            )
        return pa.array(names, pa.string())


def _stripped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts without blanks around them; null for those that hold nothing else."""
    stripped = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(stripped, ""), None, stripped)
