"""What a source gives to the index and to those who build."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from pipeline.engines import Engine
from pipeline.recordings import Recording

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


class Source(Protocol):
    """A corpus as it is configured. Raises `InputError` where it is not as configured."""

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
