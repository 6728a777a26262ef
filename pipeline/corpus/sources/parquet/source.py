"""Reader of sound in Parquet files: the rows of each file, and the sound in each row."""

from hashlib import blake2b
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.codecs.versions import decoder_version
from pipeline.corpus.recordings import Recording, split_name, split_row
from pipeline.corpus.sources.base import (
    SCAN,
    SCAN_CACHE,
    PassedOver,
    Recordings,
    Source,
    refuse_other_names,
    status,
)
from pipeline.corpus.sources.parquet.recording import ParquetRow, sound_column
from pipeline.corpus.sources.parquet.rows import NotParquetError
from pipeline.corpus.sources.parquet.scan import cache_schema, cached_rows, columns_of, opened, row_groups, scan_group
from pipeline.corpus.sources.parquet.settings import ParquetCorpus
from pipeline.corpus.sources.parquet.sides import sides_by_name
from pipeline.corpus.sources.walk import files_below
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from pipeline.support.progress import Meter
from stores.files import replacing

SUFFIXES = frozenset({".parquet"})


class ParquetSource(Source[ParquetCorpus]):
    """Reader of `corpus: {source: parquet, …}`; `config_path` names that section of the configuration in messages."""

    @classmethod
    def recording_at(cls, path: Path) -> Recording | None:
        """Return the sound in a row of a Parquet file, as `file.parquet#12`, or a part of it."""
        name, part, parts = split_name(str(path))
        file, row = split_row(name)
        if row is None or not Path(file).is_file():
            return None
        try:
            return ParquetRow(Path(file), part, parts, row=row, column=sound_column(Path(file)))
        except NotParquetError as error:
            raise InputError(f"{file} {error}") from None

    def fingerprint(self) -> str:
        """Return a hash of path, size and modification time of all files, and of the decoder that rows may need."""
        hasher, root = blake2b(digest_size=16), self._root()
        for name in self._files():
            size, mtime_ns = status(root / name)
            hasher.update(f"{name}\0{size}\0{mtime_ns}\n".encode())
        hasher.update(f"av {decoder_version()}\n".encode())
        return hasher.hexdigest()

    def scan(self, folder: Path, engine: TaskRunner) -> pa.Table:
        """Return all rows, columns `SCAN`; only files that are new or changed since the last scan are opened."""
        root, names = self._root(), self._files()
        states = {name: status(root / name) for name in names}
        sides = self._sides(names)
        schema = cache_schema(self._corpus)
        cached = cached_rows(folder / SCAN_CACHE, states, schema)
        unchanged = set(cached["file"].unique().to_pylist())
        of_files = (row_groups(self._corpus, self._config_path, root, name) for name in names if name not in unchanged)
        groups = list(chain.from_iterable(of_files))
        tables = [cached]
        with Meter("recordings scanned", sum(group.rows for group in groups)) as meter:
            for table in engine.run(scan_group, groups, len(groups)):
                tables.append(table)
                meter.advance(len(table) // self._corpus.segments)
        rows = pa.concat_tables(tables).sort_by("id").combine_chunks()
        if not len(rows):
            raise InputError(f"{self._config_path}.root: {self._corpus.root}: no file holds a single row")
        self._refuse_other_labels(rows)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / SCAN_CACHE) as file:
            pq.write_table(rows.cast(schema), file)
        if any(sides.values()):
            places = pc.index_in(rows["file"], value_set=pa.array(list(sides), pa.string()))
            side_of = pa.array(list(sides.values()), pa.string()).take(places.combine_chunks())
            rows = rows.set_column(rows.column_names.index("side"), "side", side_of)
        return rows.select(SCAN.names).cast(SCAN)

    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        """Return a function from a range of rows of `clips` to the sound in rows of files."""
        scanned = pq.read_table(folder / SCAN_CACHE, columns=["id", "by_codecs"])
        places = pc.index_in(clips["id"], value_set=scanned["id"].combine_chunks())
        ids, by_codecs, root = clips["id"], scanned["by_codecs"].take(places), self._root()

        def some(rows: range) -> list[Recording]:
            recordings: list[Recording] = []
            columns = (column.slice(rows.start, len(rows)).to_pylist() for column in (ids, by_codecs))
            for name, codecs in zip(*columns, strict=True):
                whole, part, parts = split_name(name)
                file, row = split_row(whole)
                assert row is not None  # the scan named it
                recordings.append(ParquetRow(root / file, part, parts, 0.0, None, row, self._corpus.audio, codecs))
            return recordings

        return some

    def _root(self) -> Path:
        """Return the folder that the ids are relative to."""
        return self._corpus.root.parent if self._corpus.root.is_file() else self._corpus.root

    def _files(self) -> list[str]:
        """Return the files in the order of their names. Raises `InputError` if there are none."""
        root, self.passed_over = self._corpus.root, PassedOver()
        if root.is_file() and root.suffix.lower() in SUFFIXES:
            files = [root.name]
        elif root.is_dir():
            files = sorted(files_below(root, SUFFIXES, self.passed_over))
        else:
            raise InputError(
                f"{self._config_path}.root: expected a folder with Parquet files, or a file that ends in .parquet, but "
                f"{str(root)!r} {'is another file' if root.exists() else 'does not exist'}; correct the path"
            )
        refuse_other_names(files, f"{self._config_path}.root")
        if not files:
            others = f" but {self.passed_over}" if str(self.passed_over) else ""
            raise InputError(
                f"{self._config_path}.root: {root}: expected files that end in .parquet, found none{others}"
            )
        return files

    def _sides(self, files: list[str]) -> dict[str, str | None]:
        """Return the sides that the names of files say, where they count."""
        if not self._corpus.sides_by_name or self._corpus.side is not None or self._corpus.fold is not None:
            return dict.fromkeys(files)
        try:
            return sides_by_name(files)
        except ValueError as error:
            raise InputError(f"{self._config_path}.root: {self._corpus.root}: {error}") from None

    def _refuse_other_labels(self, rows: pa.Table) -> None:
        """Raise `InputError` if the labels of two files do not mean the same."""
        labelled = rows.filter(pc.not_equal(rows["labels"], "")).group_by("labels").aggregate([("file", "min")])
        if len(labelled) < 2:
            return
        described, root = [], self._root()
        for name in sorted(labelled["file_min"].to_pylist())[:2]:
            with opened(root / name, self._config_path) as file:
                columns = columns_of(file.schema_arrow, self._corpus, self._config_path, root / name)
            described.append(f"{name} ({columns.values['label']})")
        raise InputError(
            f"{self._config_path}.label: {self._corpus.root}: expected the same labels in all files, got "
            f"{' and '.join(described)}; make them corpora of their own"
        )
