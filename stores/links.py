"""Shards taken over from other stores as hard links, many at a time: a folder is synced once for all of them."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stores.files import partial_name, sync, write_checked
from stores.held import AnyHeldShard, HeldShard
from stores.layout import ArraySpec, Layout
from stores.markers import ACCEPTED, Marker


@dataclass(frozen=True)
class WholeShard:
    """Shard of some store that another one is to take over.

    Attributes
    ----------
    held : HeldShard
    found : dict
        Its marker.
    spec : ArraySpec
    shard : int
        Of the place that it is to have.
    promised : dict, optional
        Marker that the place has already, of the same bytes.
    """

    held: AnyHeldShard
    found: Marker
    spec: ArraySpec
    shard: int
    promised: Marker | None

    @property
    def marker(self) -> Marker:
        """Return the marker that the place gets: in another store the shard has promised nothing yet."""
        return self.promised or {name: value for name, value in self.found.items() if name != ACCEPTED}


def link_shards(layout: Layout, shards: Collection[WholeShard]) -> list[WholeShard]:
    """Take over shards into one store, durably: the files first, and then the markers. Return those that it has now."""
    done = [shard for shard in shards if _link_tensors(layout, shard)]
    for folder in {path for one in done for path in (layout.tensors(one.spec), layout.statistics(one.spec))}:
        sync(folder)
    for one in done:
        _link_marker(layout, one)
    for folder in {layout.markers(one.spec.variant) for one in done}:
        sync(folder)
    return done


def _link_tensors(layout: Layout, one: WholeShard) -> bool:
    """Link tensors and statistics; return False where that cannot be, so that they are copied or computed.

    A file that was cut short is linked as well; the writer, which looks at sizes, then takes the shard for missing.
    """
    if not isinstance(one.held, HeldShard):
        return False
    try:
        _link(one.held.tensors, layout.shard(one.spec, one.shard))
        _link(one.held.statistics, layout.statistics_chunk(one.spec, one.shard))
    except OSError:  # a file gone, no hard links
        return False
    return True


def _link_marker(layout: Layout, one: WholeShard) -> None:
    path = layout.marker(one.spec.variant, one.shard)
    if isinstance(one.held, HeldShard) and one.marker == one.found:
        try:
            _link(one.held.marker, path)
            return
        except OSError:  # the other store is removed just now
            pass
    write_checked(path, one.marker)


def _link(source: Path, target: Path) -> None:
    """Put a hard link to a durable file in the place of `target`."""
    partial = partial_name(target)
    os.link(source, partial)
    try:
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)  # also after a rename between two links of one file, which does nothing
