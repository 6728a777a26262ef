"""Interface between a source of recordings and the rest of the pipeline: its settings, its scan, its recordings."""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

import pyarrow as pa
from pydantic import BeforeValidator, Field

from pipeline.corpus.recordings import Recording
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from training.settings import Section

# Columns by which a corpus lists its recordings, one row each. A null label means none; a null group: by content. Folds
# and sides are null unless the corpus gives them.
LISTING = pa.schema(
    [
        ("id", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("fold", pa.int64()),
        ("side", pa.string()),
    ]
)

# Columns by which a source lists audio files: one row each, or one for each segment from one second to another. A null
# start is the beginning of the file, a null end is its end.
FILES_LISTED = pa.schema(
    [
        ("path", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        *(LISTING.field(name) for name in ("label", "group", "fold", "side")),
    ]
)

# Columns of the table that a scan returns. The reason is empty for a good recording.
PROBE_VERSION = 3  # raised whenever a probe finds something else in the same file
UNREADABLE = "unreadable"  # begins reasons that can go away, such as permissions: probed again in each scan
SCAN = pa.schema(
    [
        *LISTING,
        ("content_hash", pa.string()),
        ("samples", pa.int64()),
        ("sample_rate_hz", pa.int64()),
        ("reason", pa.string()),
    ]
)

SCAN_CACHE = "seen.parquet"  # in the folder of an index: the last scan, so that only files that changed are opened

Recordings = Callable[[range], Sequence[Recording]]  # those of some rows


def _strings(value: Any) -> Any:
    """Return a dict of strings: YAML reads `0: OK` as a number, and `esc10: True` as true."""
    return {str(key): str(name) for key, name in value.items()} if isinstance(value, dict) else value


Fraction = Annotated[float, Field(ge=0, le=1)]
StringDict = Annotated[dict[str, str], BeforeValidator(_strings)]


class Archive(Section):
    """Zip archive to be fetched, and the checksum that it must have."""

    url: Annotated[str, Field(pattern="^https?://")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class CorpusSettings(Section):
    """Base class of the settings of a corpus, as a user writes them below `corpus:`.

    `pipeline/corpus/sources/<name>/settings.py` defines one subclass, with the field `source: Literal["<name>"] =
    "<name>"` first and a field for each setting. A source that reads files of its own derives from `StoredCorpus`.
    """

    if TYPE_CHECKING:  # a field here would come before those of a subclass, whose order is part of a corpus's identity
        source: str

    @property
    def has_folds(self) -> bool:
        """Return True if clips have folds to test on."""
        return False

    @property
    def spectrogram_values(self) -> int | None:
        """Return the number of values of each ready-made spectrogram; None for a corpus of sound."""
        return None

    @property
    def default_rate_hz(self) -> int | None:
        """Return the rate in Hz of recordings that state none; None where all of them do."""
        return None

    @property
    def archive(self) -> tuple[Archive, Path] | None:
        """Return an archive to be fetched and the folder that it becomes; None if the corpus is on disk already."""
        return None

    @property
    def demo(self) -> str | None:
        """Return the name of the demo that is synthesised for this corpus; None if it is no demo."""
        return None

    def synthesised(self, folder: Path) -> "CorpusSettings":
        """Return the settings by which the corpus is read; those of a demo once it lies below `folder`."""
        return self

    @abstractmethod
    def stored(self, labels: Path | None = None) -> "StoredCorpus":
        """Return the corpus as a source reads it: this one, or the audio files and the table that it stands for.

        Parameters
        ----------
        labels : Path, optional
            Table of the labels that were mined, of a corpus whose labels are in its tags.
        """


class StoredCorpus(CorpusSettings):
    """Base class of the settings of a corpus that a source reads from disk.

    A subclass has the field `max_quarantine`, the largest share of bad recordings that does not stop the run.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pipeline.corpus.sources.json.settings import JsonCorpus
    >>> corpus = JsonCorpus(root=Path("data/strikes"))
    >>> corpus.title
    'strikes'
    """

    if TYPE_CHECKING:
        max_quarantine: float

    @property
    @abstractmethod
    def title(self) -> str:
        """Return the name from which those of the corpus's index and stores are made."""

    @abstractmethod
    def resolved(self) -> "StoredCorpus":
        """Return the settings with absolute paths, since workers may stand in another folder."""

    def stored(self, labels: Path | None = None) -> "StoredCorpus":
        """Return this corpus."""
        return self


class FilesCorpus(StoredCorpus):
    """Base class of the settings of corpora of audio files."""

    if TYPE_CHECKING:  # fields of each of them, in their own order
        segments: int
        silent: Literal["keep", "quarantine"]


ENDINGS_COUNTED = 1000  # the others are counted together
ENDINGS_SHOWN = 6
OTHERS = "others"


@dataclass
class PassedOver:
    """Counts of files by endings that no recording has."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, name: str) -> None:
        """Count the file of this name."""
        ending = os.path.splitext(name)[1].lower().encode(errors="replace").decode() or "without an ending"
        self.counts[ending if ending in self.counts or len(self.counts) < ENDINGS_COUNTED else OTHERS] += 1

    def __str__(self) -> str:
        """Return the most frequent endings with their counts, as `12 .txt, 3 .jpg`; empty if there are none."""
        named = sorted((-count, ending) for ending, count in self.counts.items() if ending != OTHERS)[:ENDINGS_SHOWN]
        rest = self.counts.total() + sum(count for count, _ in named)
        return ", ".join([f"{-count} {ending}" for count, ending in named] + [f"{rest} {OTHERS}"] * bool(rest))


Settings = TypeVar("Settings", bound=StoredCorpus)


class Source(ABC, Generic[Settings]):
    """Base class of readers of a corpus: one lists its recordings, scans them, and finds the samples of each.

    `pipeline/corpus/sources/<name>/source.py` defines one subclass. Every source passes
    `tests/pipeline/corpus/sources/test_contract.py`.

    Parameters
    ----------
    corpus : StoredCorpus
        Settings of this source.
    config_path : str
        The corpus's part of the configuration, for messages.

    Attributes
    ----------
    passed_over : PassedOver
        Files below the corpus's folder that the last scan took for no recordings. A table names what is one, so that a
        corpus with a table passes nothing over.
    repeated : int
        Rows that the last scan left out, since they say again what another row says.
    """

    def __init__(self, corpus: Settings, config_path: str) -> None:
        self._corpus = corpus
        self._config_path = config_path
        self.passed_over = PassedOver()
        self.repeated = 0

    @property
    def corpus(self) -> Settings:
        """Return the settings."""
        return self._corpus

    @classmethod
    def recording_at(cls, path: Path) -> Recording | None:
        """Return the recording of this source that a path names by itself, or None if it names none."""
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a hash of the corpus's files, opening none of its recordings.

        It differs if path, size or modification time of a recording differs, or the content of a table.

        Raises
        ------
        InputError
            If a folder, a table or a column is not as configured.
        """

    @abstractmethod
    def scan(self, folder: Path, engine: TaskRunner) -> pa.Table:
        """Return all recordings of the corpus, each decoded to its end unless a scan before has done so.

        Parameters
        ----------
        folder : Path
            Folder of the index. The result is kept in it, so that the next scan opens only the files that changed.
        engine : TaskRunner
            Workers that open the files.

        Returns
        -------
        pyarrow.Table
            Columns `SCAN`, one row a recording, sorted by the ids, which are unique. A recording that cannot be used
            has a reason, in words for a person.

        Raises
        ------
        InputError
            If a folder, a table or a column is not as configured, or there is no recording at all. `folder` stays as
            it is.
        """

    @abstractmethod
    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        """Return a function from a range of rows to the recordings of these rows.

        Parameters
        ----------
        folder : Path
            Folder of the index, as `scan` left it.
        clips : pyarrow.Table
            With a column `id`, in any order.
        """


@dataclass(frozen=True)
class Listing:
    """Recordings of a corpus in the order of their ids: a table of `LISTING`, and the folder of their files."""

    root: Path
    table: pa.Table


def status(path: Path | str) -> tuple[int, int]:
    """Return size in bytes and modification time in ns; -1 each if there is no such file."""
    try:
        entry = os.stat(path)
    except OSError:
        return -1, -1
    return entry.st_size, entry.st_mtime_ns


def refuse_other_names(names: Iterable[str], config_path: str) -> None:
    """Raise `InputError` for a path that is not UTF-8."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = name.encode(errors="surrogateescape").decode(errors="replace")
            raise InputError(f"{config_path}: expected file names in UTF-8, got {shown!r}; rename it") from None
