"""Reader of manifests of NeMo's and of Lhotse's kind."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.corpus.sources.audio.table import SIDE_NAMES
from pipeline.corpus.sources.base import FILES_LISTED
from pipeline.corpus.sources.files import FilesSource, relative_name, status_hash
from pipeline.corpus.sources.manifest.lines import Line, lines_of
from pipeline.corpus.sources.manifest.settings import ManifestCorpus
from pipeline.support.errors import InputError

NEMO, LHOTSE = "audio_filepath", "recording_id"  # members that tell which kind a line is of


class ManifestSource(FilesSource[ManifestCorpus]):
    """Reader of `corpus: {source: manifest, …}`; `config_path` names that section of the configuration in messages."""

    TELLS_SEGMENTS_APART = "an offset and a duration"

    def place(self) -> str:
        """Return the manifests, for messages."""
        return f"{self._config_path}.manifest: {', '.join(map(str, self._corpus.manifests.values()))}"

    def fingerprint(self) -> str:
        """Return a hash of the manifests, and of size and modification time of all files that they name."""
        paths = [*self._corpus.manifests.values(), *([self._corpus.recordings] if self._corpus.recordings else [])]
        names = self.files_listed()["path"].unique().to_pylist()
        return status_hash(self.root(), names, b"\0".join(path.read_bytes() for path in paths))

    def root(self) -> Path:
        """Return the folder of the files. Raises `InputError` if there is none."""
        folder = self._corpus.folder
        if not folder.is_dir():
            raise InputError(
                f"{self._config_path}.root: expected a folder, but there is no {str(folder)!r}; correct the path"
            )
        return folder

    def files_listed(self) -> pa.Table:
        """Return the columns `FILES_LISTED`. Raises `InputError` for a line that is not as expected."""
        recordings = dict(self._recordings())
        columns: dict[str, list[Any]] = {name: [] for name in FILES_LISTED.names}
        for side, path in self._corpus.manifests.items():
            for line in lines_of(path, self._config_path):
                row = self._place(line, path, recordings) | self._said(line, side)
                for name, column in columns.items():
                    column.append(row[name])
        table = pa.table(columns, schema=FILES_LISTED)
        if not len(table):
            raise InputError(f"{self.place()}: expected lines, found none")
        return table

    def _recordings(self) -> Iterator[tuple[str, tuple[str, int]]]:
        """Yield each of Lhotse's recordings by its name: its file, and its channels."""
        if (path := self._corpus.recordings) is None:
            return
        for line in lines_of(path, self._config_path):
            sources = line.member("sources")
            if not (isinstance(sources, list) and len(sources) == 1 and isinstance(sources[0], dict)):
                raise line.error("sources: expected one, of type file; a recording of several files is not read")
            source = Line(f"{line.place}: sources", sources[0])
            if source.member("type") != "file":
                raise source.error(f"type: expected file, got {source.member('type')!r}; export the audio to files")
            channels = source.member("channels")
            name = relative_name(
                self._corpus.folder,
                path.parent if self._corpus.root is None else self._corpus.root,
                source.text("source"),
            )
            yield line.text("id"), (name, len(channels) if isinstance(channels, list) else 1)

    def _place(self, line: Line, manifest: Path, recordings: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
        """Return which file a line names, and which seconds of it."""
        corpus, offset = self._corpus, "offset"
        if line.member(NEMO) is not None:
            folder = manifest.parent if corpus.root is None else corpus.root
            path = relative_name(corpus.folder, folder, line.text(NEMO))
        elif line.member(LHOTSE) is not None:
            offset = "start"
            if corpus.recordings is None:
                raise line.error("it is a supervision of Lhotse's; name the manifest of recordings as recordings")
            if (name := line.text(LHOTSE)) not in recordings:
                raise line.error(f"{LHOTSE}: {corpus.recordings} has no recording {name!r}")
            path, channels = recordings[name]
            if channels > 1:
                raise line.error(f"{name!r} has {channels} channels, and a supervision is of one; write each to a file")
        else:
            raise line.error(f"expected the member {NEMO}, or {LHOTSE}; it has {', '.join(line.members) or 'none'}")
        start_s, duration_s = line.seconds(offset), line.seconds("duration")
        end_s = None if start_s is None or duration_s is None else round(start_s + duration_s, 9)
        return {"path": path, "start_s": start_s or 0.0, "end_s": end_s}

    def _said(self, line: Line, side: str | None) -> dict[str, Any]:
        """Return label, group, fold and side of a line."""
        corpus = self._corpus
        if corpus.label is not None and corpus.label.split(".")[0] not in line.members:
            has = ", ".join(line.members)
            raise line.error(
                f"expected the member {corpus.label}; it has {has}; label: null says that there are no labels"
            )
        if corpus.side is not None and (side := SIDE_NAMES.get(line.text(corpus.side).strip().lower())) is None:
            raise line.error(
                f"{corpus.side}: expected one of {', '.join(SIDE_NAMES)}, got {line.member(corpus.side)!r}"
            )
        return {
            "label": None if corpus.label is None else line.labels(corpus.label),
            "group": None if corpus.group is None else line.name(corpus.group),
            "fold": None if corpus.fold is None else line.number(corpus.fold),
            "side": side,
        }
