"""What a source gives to the index and to those who build."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from pipeline.corpus.recordings import Recording
from pipeline.support.errors import InputError
from pipeline.support.executors import Engine

# What a listing says of each recording, one row each. A null label means none, a null group: by content; folds and
# sides are null where the corpus gives none.
LISTING = pa.schema(
    [
        ("id", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("fold", pa.int64()),
        ("side", pa.string()),
    ]
)

# And what was found in it; the reason is empty for a good recording.
LOOKED = pa.schema(
    [
        *LISTING,
        ("content_hash", pa.string()),
        ("samples", pa.int64()),
        ("sample_rate_hz", pa.int64()),
        ("reason", pa.string()),
    ]
)

SEEN = "seen.parquet"  # in the folder of an index: what a source last found, so that only what changed is opened again

Recordings = Callable[[range], Sequence[Recording]]  # those of some rows


ENDINGS_COUNTED = 1000  # the others are counted together
ENDINGS_SHOWN = 6
OTHERS = "others"


@dataclass
class PassedOver:
    """Counts of files that end as no recording does; its text has the most frequent endings, or is empty."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, name: str) -> None:
        ending = os.path.splitext(name)[1].lower().encode(errors="replace").decode() or "without an ending"
        self.counts[ending if ending in self.counts or len(self.counts) < ENDINGS_COUNTED else OTHERS] += 1

    def __str__(self) -> str:
        named = sorted((-count, ending) for ending, count in self.counts.items() if ending != OTHERS)[:ENDINGS_SHOWN]
        rest = self.counts.total() + sum(count for count, _ in named)
        return ", ".join([f"{-count} {ending}" for count, ending in named] + [f"{rest} {OTHERS}"] * bool(rest))


class Source(Protocol):
    """A corpus as it is configured. Raises `InputError` where it is not as configured."""

    passed_over: PassedOver  # by the last look; what a table does not name is not meant to be a recording

    def fingerprint(self) -> str:
        """Hash of path, size and modification time of every recording that the corpus uses, none of which is opened,
        and of its tables."""
        ...

    def look(self, folder: Path, engine: Engine) -> pa.Table:
        """All recordings, `LOOKED` at and in the order of their ids. What was found is kept in `folder` as well."""
        ...

    def recordings(self, folder: Path, clips: pa.Table) -> Recordings:
        """Where the samples of clips come from, as last looked at."""
        ...


@dataclass(frozen=True)
class Listing:
    """The recordings of a corpus in the order of their ids: `LISTING`, and where the files of the ids lie."""

    root: Path
    table: pa.Table


def status(path: Path) -> tuple[int, int]:
    """Size in bytes and modification time in ns, or -1 for a file that is not there."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def refuse_other_names(names: Iterable[str], where: str) -> None:
    """Raise `InputError` for a path that is no UTF-8."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = name.encode(errors="surrogateescape").decode(errors="replace")
            raise InputError(f"{where}: expected file names in UTF-8, got {shown!r}; rename it") from None
