"""What a source gives to the index."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

# What a listing says of each recording, one row each; a null group means: by content.
LISTING = pa.schema([("id", pa.string()), ("label", pa.string()), ("group", pa.string()), ("fold", pa.int64())])


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
