"""Feature stores on disk: plain Zarr v3 with a row table, a manifest and shard markers beside it. Imports nothing
else of otogura."""

from stores.opening import open_store
from stores.reader import Store

__all__ = ["Store", "open_store"]
