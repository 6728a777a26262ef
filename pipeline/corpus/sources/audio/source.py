"""Reader of audio files in a folder: labelled by their sub-folders, by a CSV table, or not at all."""

from collections.abc import Iterator
from pathlib import Path
from sys import intern

import pyarrow as pa

from features.decoding import SUFFIXES
from pipeline.corpus.recordings import Recording, file_name
from pipeline.corpus.sources.audio.recording import audio_file
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.table import RecordingTable
from pipeline.corpus.sources.base import FILES_LISTED, PassedOver, refuse_other_names
from pipeline.corpus.sources.distinct import distinct_rows
from pipeline.corpus.sources.files import FilesSource, status_hash
from pipeline.corpus.sources.walk import files_below
from pipeline.support.errors import InputError


class AudioSource(FilesSource[AudioCorpus]):
    """Reader of `corpus: {source: audio, …}`; `config_path` names that section of the configuration in messages."""

    @classmethod
    def recording_at(cls, path: Path) -> Recording | None:
        """Return an audio file, a segment as `file[1.5s:3s]`, or a part of either, as `file[2/3]`."""
        return audio_file(Path(), str(path)) if Path(file_name(str(path))).is_file() else None

    def fingerprint(self) -> str:
        """Return a hash of path, size and modification time of all recordings, and of the table if there is one."""
        if self._corpus.table is None:
            return status_hash(self.root(), self.files())
        path = self._table_path()
        rows = distinct_rows(self._table(path), self.place(), self.TELLS_SEGMENTS_APART)
        return status_hash(self.root(), rows["path"].unique().to_pylist(), path.read_bytes())

    def place(self) -> str:
        """Return the table, or else the folder, for messages."""
        listed_by = "root" if self._corpus.table is None else f"path: {self._table_path()}"
        return f"{self._config_path}.{listed_by}"

    def files_listed(self) -> pa.Table:
        """Return the columns `FILES_LISTED`. Raises `InputError` if a folder or table is not as configured."""
        if self._corpus.table is None:
            table = self._from_folders()
            expected = f"audio files ({', '.join(sorted(SUFFIXES))})"
        else:
            table = self._table(self._table_path())
            expected = "rows"
        if not table.num_rows:
            place = self._corpus.table or self._corpus.root
            others = f" but {self.passed_over}" if str(self.passed_over) else ""
            raise InputError(f"{self._config_path}: {place}: expected {expected}, found none{others}")
        return table

    def root(self) -> Path:
        """Return the folder of the recordings. Raises `InputError` if there is none."""
        root = self._corpus.root
        if not root.is_dir():
            raise InputError(
                f"{self._config_path}.root: expected a folder with recordings, but {str(root)!r} "
                f"{'is a file' if root.exists() else 'does not exist'}; correct the path"
            )
        return root

    def files(self) -> Iterator[str]:
        """Return the audio files below the root, as paths relative to it; others are `passed_over`."""
        self.passed_over = PassedOver()
        return files_below(self.root(), SUFFIXES, self.passed_over)

    def _from_folders(self) -> pa.Table:
        paths = sorted(self.files())
        refuse_other_names(paths, f"{self._config_path}.root")
        labels = [intern(path.split("/", 1)[0]) if "/" in path else None for path in paths]
        columns = {"path": pa.array(paths, pa.string()), "label": pa.array(labels, pa.string())}
        empty = {field.name: pa.nulls(len(paths), field.type) for field in FILES_LISTED if field.name not in columns}
        return pa.table(columns | empty).select(FILES_LISTED.names).cast(FILES_LISTED)

    def _table_path(self) -> Path:
        """Return the path of the table: relative to where the command runs, or else to the root."""
        named = self._corpus.table
        assert named is not None
        for candidate in (named, self.root() / named):
            if candidate.is_file():
                return candidate
        raise InputError(
            f"{self._config_path}.table: {str(named)!r} is neither here nor in {self._corpus.root}; correct the path"
        )

    def _table(self, path: Path) -> pa.Table:
        return RecordingTable(path, self._corpus, self._config_path).listing()
