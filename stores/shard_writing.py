"""Writing one shard of several variants, clip by clip: it is finished as a whole, or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import google_crc32c
import numpy as np

from stores.direct import writing
from stores.files import replacing, taking_place, write_checked
from stores.layout import ArraySpec, Layout
from stores.markers import ACCEPTED, Marker, differs, distinct, finished_marker, refuse_other_bytes
from stores.shard import ShardWriter


class VariantShard:
    """Shard of one variant while it is written: tensors go to disk, statistics stay in memory."""

    def __init__(self, tensors: ShardWriter, spec: ArraySpec, promised: Marker | None) -> None:
        self._tensors = tensors
        self._statistics = np.full((spec.clips_per_shard, *spec.statistics_shape), np.nan, dtype="<f8")
        self._written_with: list[Any] = []
        self._promised = promised

    def append(self, values: np.ndarray, statistics: np.ndarray, written_with: Sequence[Any] = ()) -> None:
        """Append a clip: values of `clip_shape`, `(groups, 2)` locations and scales, and its environments."""
        self._statistics[len(self._tensors.checksums)] = statistics
        self._tensors.append(values)
        self._written_with = distinct([*self._written_with, *written_with])

    def as_promised(self, values: np.ndarray) -> bool:
        """Return True unless the marker of the shard promises other bytes of the next clip."""
        if self._promised is None:
            return True
        return self._tensors.checksum(values) == self._promised["crc32c"][len(self._tensors.checksums)]

    def finish(self) -> tuple[bytes, Marker]:
        """Write the index; return the statistics' bytes and the marker, but for its key."""
        self._tensors.finish()
        statistics = self._statistics.tobytes()
        return statistics, {
            "crc32c": self._tensors.checksums,
            "statistics_crc32c": google_crc32c.value(statistics),
            "written_with": self._written_with,
        }


@contextmanager
def writing_shard(
    layout: Layout,
    specs: Sequence[ArraySpec],
    shard: int,
    content_hashes: Sequence[str],
    *,
    accept_new_bytes: bool = False,
) -> Iterator[dict[str, VariantShard]]:
    """Write one shard of several variants side by side, clip by clip.

    When the block ends without an error, each file is synced and takes its name, and then the markers say that
    the shard is finished. After an error no marker is written and no file replaced.
    Raises `StoreError` at the end if a shard that was finished before has other bytes than its marker promises, unless
    they are accepted.
    """
    finishing = {}
    promised = {spec.variant: finished_marker(layout, spec, shard, content_hashes) for spec in specs}
    with ExitStack() as files:
        shards = {}
        for spec in specs:
            partial = files.enter_context(taking_place(layout.shard(spec, shard)))
            file = files.enter_context(writing(partial))
            before = None if accept_new_bytes else promised[spec.variant]
            shards[spec.variant] = VariantShard(ShardWriter(file, spec), spec, before)
        yield shards
        finishing = {variant: open_shard.finish() for variant, open_shard in shards.items()}
        for spec in specs:
            first, (_, marker) = promised[spec.variant], finishing[spec.variant]
            if first is None:
                continue
            if not accept_new_bytes:
                refuse_other_bytes(layout, spec, shard, first, marker)
            if first.get(ACCEPTED) or differs(first, marker):
                marker[ACCEPTED] = True
    for spec in specs:
        statistics, marker = finishing[spec.variant]
        with replacing(layout.statistics_chunk(spec, shard)) as chunk:
            chunk.write(statistics)
        write_checked(layout.marker(spec.variant, shard), {"key": spec.shard_key(content_hashes), **marker})


class Destination(Protocol):
    """Place of the shards of a store that is built. Tasks carry it to workers by pickle."""

    def lacking(self, specs: Sequence[ArraySpec], shard: int) -> list[ArraySpec]:
        """Return the arrays whose shard nobody has finished meanwhile."""

    def writing(
        self, specs: Sequence[ArraySpec], shard: int, content_hashes: Sequence[str]
    ) -> AbstractContextManager[dict[str, VariantShard]]:
        """Write one shard of several variants side by side, as `writing_shard` does."""

    @property
    def needed(self) -> tuple[list[Path], list[Path]]:
        """Return the absolute paths that a worker has to read, and the folders that it writes to."""


@dataclass(frozen=True)
class FolderDestination:
    """Shards of a store in a folder, which one builder at a time writes; `accept_new_bytes` is that of its writer."""

    layout: Layout
    accept_new_bytes: bool = False

    def lacking(self, specs: Sequence[ArraySpec], shard: int) -> list[ArraySpec]:
        return list(specs)

    def writing(
        self, specs: Sequence[ArraySpec], shard: int, content_hashes: Sequence[str]
    ) -> AbstractContextManager[dict[str, VariantShard]]:
        return writing_shard(self.layout, specs, shard, content_hashes, accept_new_bytes=self.accept_new_bytes)

    @property
    def needed(self) -> tuple[list[Path], list[Path]]:
        return [self.layout.rows], [self.layout.path]  # the row table was written just now
