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
