"""Shards taken over from other stores as hard links, many at a time: a folder is synced once for all of them."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stores.files import partial_name, sync, write_checked
from stores.held import HeldShard
from stores.layout import ArraySpec, Layout
from stores.markers import ACCEPTED, Marker


@dataclass(frozen=True)
class ShardLink:
    """Shard of some store, and the place in another one that it is to have.

    Attributes
    ----------
    held : HeldShard
    found : dict
        Its marker.
    layout : Layout
    spec : ArraySpec
    shard : int
    promised : dict, optional
        Marker that the place has already, of the same bytes.
    """

    held: HeldShard
    found: Marker
    layout: Layout
    spec: ArraySpec
    shard: int
    promised: Marker | None

    @property
    def marker(self) -> Path:
        return self.layout.marker(self.spec.variant, self.shard)

    def link_tensors(self) -> bool:
        """Link tensors and statistics; return False where that cannot be, so that they are copied or computed.

        A file that was cut short is linked as well; the writer, which looks at sizes, then takes the shard for missing.
        """
        try:
            _link(self.held.tensors, self.layout.shard(self.spec, self.shard))
            _link(self.held.statistics, self.layout.statistics_chunk(self.spec, self.shard))
        except OSError:  # a file gone, no hard links
            return False
        return True

    def link_marker(self) -> None:
        """Give the shard its marker: in another store it has promised nothing yet."""
        if self.promised is None and ACCEPTED not in self.found:
            try:
                _link(self.held.marker, self.marker)
                return
            except OSError:  # the other store is removed just now
                pass
        marker = self.promised or {name: value for name, value in self.found.items() if name != ACCEPTED}
        write_checked(self.marker, marker)


def link_shards(links: Collection[ShardLink]) -> list[ShardLink]:
    """Take over shards into one store, durably: the files first, and then the markers. Return those that it has now."""
    done = [link for link in links if link.link_tensors()]
    for folder in {
        path for link in done for path in (link.layout.tensors(link.spec), link.layout.statistics(link.spec))
    }:
        sync(folder)
    for link in done:
        link.link_marker()
    for folder in {link.marker.parent for link in done}:
        sync(folder)
    return done


def _link(source: Path, target: Path) -> None:
    """Put a hard link to a durable file in the place of `target`."""
    partial = partial_name(target)
    os.link(source, partial)
    try:
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)  # also after a rename between two links of one file, which does nothing
