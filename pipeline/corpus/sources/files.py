"""Base class of readers of audio files that are listed: each file is a recording, or some equal parts."""

from abc import abstractmethod
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.recordings import part_name
from pipeline.corpus.sources.audio.recording import audio_file
from pipeline.corpus.sources.audio.scan import scan_files
from pipeline.corpus.sources.base import LISTING, FilesCorpus, Listing, Recordings, Source
from pipeline.support.executors import TaskRunner

Settings = TypeVar("Settings", bound=FilesCorpus)


class FilesSource(Source[Settings]):
    """Reader of a corpus of audio files, which a subclass lists."""

    @abstractmethod
    def root(self) -> Path:
        """Return the folder that the ids are relative to. Raises `InputError` if there is none."""

    @abstractmethod
    def files_listed(self) -> pa.Table:
        """Return the columns `LISTING`, a row a file. Raises `InputError` if a folder or table is not as configured."""

    def listing(self) -> Listing:
        """Return all recordings of the corpus. Raises `InputError` if a folder or table is not as configured."""
        return Listing(self.root(), self._in_parts(self.files_listed()).sort_by("id"))

    def scan(self, folder: Path, engine: TaskRunner) -> pa.Table:
        """Return all recordings, columns `SCAN`; only files that are new or changed since the last scan are opened."""
        return scan_files(folder, self.listing(), self._corpus.silent == "quarantine", engine)

    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        """Return a function from a range of rows of `clips` to their files, or parts of files."""
        ids, root = clips["id"], self.root()
        return lambda rows: [audio_file(root, name) for name in ids.slice(rows.start, len(rows)).to_pylist()]

    def _in_parts(self, table: pa.Table) -> pa.Table:
        """Return a row for each of the equal parts of a recording, which form a group unless one is given."""
        parts = self._corpus.segments
        if parts == 1:
            return table
        rows = table.take(np.repeat(np.arange(len(table)), parts))
        ids = [part_name(name, part, parts) for name in table["id"].to_pylist() for part in range(parts)]
        group = pc.coalesce(rows["group"], rows["id"])
        return pa.table([ids, rows["label"], group, rows["fold"], rows["side"]], schema=LISTING)
