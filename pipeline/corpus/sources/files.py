"""Base class of readers of audio files that are listed: each file or segment is a recording, or some equal parts."""

import os
from abc import abstractmethod
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.codecs.versions import decoder_version
from features.decoding import may_be_of_codecs
from pipeline.corpus.recordings import part_name, segment_name
from pipeline.corpus.sources.audio.recording import audio_file
from pipeline.corpus.sources.audio.scan import scan_files
from pipeline.corpus.sources.base import LISTING, FilesCorpus, Listing, Recordings, Source, status
from pipeline.corpus.sources.distinct import are_segments, distinct_rows
from pipeline.support.executors import TaskRunner

Settings = TypeVar("Settings", bound=FilesCorpus)


class FilesSource(Source[Settings]):
    """Reader of a corpus of audio files, which a subclass lists."""

    TELLS_SEGMENTS_APART: ClassVar[str] = "start_s and end_s"

    @abstractmethod
    def root(self) -> Path:
        """Return the folder that the ids are relative to. Raises `InputError` if there is none."""

    @abstractmethod
    def files_listed(self) -> pa.Table:
        """Return the columns `FILES_LISTED`. Raises `InputError` if a folder or table is not as configured."""

    def place(self) -> str:
        """Return what lists the files, for messages."""
        return self._config_path

    def listing(self) -> Listing:
        """Return all recordings of the corpus. Raises `InputError` if a folder or table is not as configured."""
        return Listing(self.root(), self._in_parts(self._named(self.files_listed())).sort_by("id"))

    def scan(self, folder: Path, engine: TaskRunner) -> pa.Table:
        """Return all recordings, columns `SCAN`; only files that are new or changed since the last scan are opened."""
        return scan_files(folder, self.listing(), self._corpus.silent == "quarantine", engine)

    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        """Return a function from a range of rows of `clips` to their files, or parts of files."""
        ids, root = clips["id"], self.root()
        return lambda rows: [audio_file(root, name) for name in ids.slice(rows.start, len(rows)).to_pylist()]

    def _named(self, files: pa.Table) -> pa.Table:
        """Return the columns `LISTING`: segments with their names, and all clips of a file that has some in one group.

        A row that says again what another one says is left out and counted. Raises `InputError` if two say different
        things of a file or segment.
        """
        total, files = len(files), distinct_rows(files, self.place(), self.TELLS_SEGMENTS_APART)
        self.repeated = total - len(files)
        ids = paths = files["path"]
        group, starts_s, ends_s = files["group"], files["start_s"], files["end_s"]
        segments = are_segments(files)
        if pc.any(segments).as_py():
            in_segments = pc.is_in(paths, value_set=paths.filter(segments).combine_chunks())
            group = pc.coalesce(group, pc.if_else(in_segments, paths, None))
            columns = (column.to_pylist() for column in (paths, starts_s, ends_s))
            ids = pa.array(map(segment_name, *columns), pa.string())
        return pa.table([ids, files["label"], group, files["fold"], files["side"]], schema=LISTING)

    def _in_parts(self, table: pa.Table) -> pa.Table:
        """Return a row for each of the equal parts of a recording, which form a group unless one is given."""
        parts = self._corpus.segments
        if parts == 1:
            return table
        rows = table.take(np.repeat(np.arange(len(table)), parts))
        ids = [part_name(name, part, parts) for name in table["id"].to_pylist() for part in range(parts)]
        group = pc.coalesce(rows["group"], rows["id"])
        return pa.table([ids, rows["label"], group, rows["fold"], rows["side"]], schema=LISTING)


def relative_name(root: Path, folder: Path, name: str) -> str:
    """Return the path relative to `root` of a file that is named relative to a folder, or by an absolute path."""
    return os.path.relpath(os.path.join(os.path.abspath(folder), name), os.path.abspath(root))


def status_hash(root: Path, names: Iterable[str], content: bytes = b"") -> str:
    """Return a hash of paths below a folder, of their sizes and modification times, and of more content.

    The decoder of files that libsndfile does not read counts where there may be some: with another one, or with the
    first one, they are looked at again.
    """
    hasher = blake2b(content, digest_size=16)
    codecs = False
    for name in sorted(names):
        size, mtime_ns = status(f"{root}/{name}")
        hasher.update(f"{name}\0{size}\0{mtime_ns}\n".encode(errors="surrogateescape"))
        codecs = codecs or may_be_of_codecs(name)
    if codecs:
        hasher.update(f"av {decoder_version()}\n".encode())
    return hasher.hexdigest()
