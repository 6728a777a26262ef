"""Reader of Kaldi folders."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.corpus.sources.base import FILES_LISTED
from pipeline.corpus.sources.files import FilesSource, relative_name, status_hash
from pipeline.corpus.sources.kaldi.settings import KaldiCorpus
from pipeline.support.errors import InputError

TO_THE_END = -1.0  # seconds at which a segment ends that goes on to the end of its file


class KaldiSource(FilesSource[KaldiCorpus]):
    """Reader of `corpus: {source: kaldi, …}`; `config_path` names that section of the configuration in messages."""

    TELLS_SEGMENTS_APART = "the file segments"

    def place(self) -> str:
        """Return the folder, for messages."""
        return f"{self._config_path}.root: {self._corpus.root}"

    def fingerprint(self) -> str:
        """Return a hash of the tables, and of size and modification time of all files that they name."""
        names = self.files_listed()["path"].unique().to_pylist()
        tables = [self._corpus.root / name for name in ("wav.scp", "segments", "utt2spk", self._corpus.labels or "")]
        return status_hash(self.root(), names, b"\0".join(path.read_bytes() for path in tables if path.is_file()))

    def root(self) -> Path:
        """Return the folder of the files. Raises `InputError` if there is none."""
        for key, folder in (("root", self._corpus.root), ("files", self._corpus.files or self._corpus.root)):
            if not folder.is_dir():
                raise InputError(
                    f"{self._config_path}.{key}: expected a folder, but there is no {str(folder)!r}; correct the path"
                )
        return self._corpus.files or self._corpus.root

    def files_listed(self) -> pa.Table:
        """Return the columns `FILES_LISTED`. Raises `InputError` for a line that is not as expected."""
        root = self.root()
        files = self._table("wav.scp", required=True)
        for name, path in files.items():
            if path.endswith("|"):
                raise InputError(
                    f"{self._config_path}: {self._corpus.root}/wav.scp: {name}: expected a file, got the command "
                    f"{path!r}; write what it puts out to a file"
                )
        speakers = self._table("utt2spk")
        labels = {} if self._corpus.labels is None else self._table(self._corpus.labels, required=True)
        columns: dict[str, list[Any]] = {name: [] for name in FILES_LISTED.names}
        for utterance, recording, start_s, end_s in self._utterances(files):
            row: dict[str, Any] = {
                "path": relative_name(root, root, files[recording]),
                "start_s": start_s,
                "end_s": end_s,
                "label": labels.get(utterance),
                "group": speakers.get(utterance),
            }
            for name, column in columns.items():
                column.append(row.get(name))
        if not columns["path"]:
            raise InputError(f"{self.place()}: expected utterances, found none")
        return pa.table(columns, schema=FILES_LISTED)

    def _utterances(self, files: dict[str, str]) -> list[tuple[str, str, float, float | None]]:
        """Return each utterance: its name, its recording, and where it begins and ends in seconds."""
        segments = self._table("segments")
        if not segments:
            return [(name, name, 0.0, None) for name in files]
        utterances = []
        for name, text in segments.items():
            recording, *seconds = text.split()
            try:
                start_s, end_s = (round(float(part), 9) for part in seconds)
            except ValueError:  # of another number of them, or of no numbers
                start_s = end_s = math.nan
            if recording not in files or not (math.isfinite(start_s) and math.isfinite(end_s)):
                raise InputError(
                    f"{self._config_path}: {self._corpus.root}/segments: {name}: expected a recording of wav.scp and "
                    f"two times in seconds, got {text!r}"
                )
            utterances.append((name, recording, start_s, None if end_s == TO_THE_END else end_s))
        return utterances

    def _table(self, name: str, required: bool = False) -> dict[str, str]:
        """Return the rest of each line of a table by its first word; nothing where a table is missing that may be."""
        path = self._corpus.root / name
        if not path.is_file() and not required:
            return {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
            raise InputError(f"{self._config_path}: {path}: {reason}") from None
        table: dict[str, str] = {}
        for line in filter(str.strip, lines):
            word, *rest = line.strip().split(maxsplit=1)
            if not rest or word in table:
                what = "is there twice" if word in table else "has nothing beside it"
                raise InputError(f"{self._config_path}: {path}: {word!r} {what}; correct this line")
            table[word] = rest[0]
        return table
