"""Finding tensors that some store holds already: a whole shard to link, or single clips to copy."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stores.codec import codec
from stores.files import damaged, read_checked, read_json, taking_place, write_checked
from stores.layout import ArraySpec, Layout
from stores.markers import Marker, differs, finished, linked, written_with
from stores.shard import open_shard
from stores.writer import StoreWriter


@dataclass(frozen=True)
class Held:
    """One shard of one variant in some store."""

    layout: Layout
    spec: ArraySpec
    shard: int

    @property
    def marker(self) -> Path:
        return self.layout.marker(self.spec.variant, self.shard)

    @property
    def tensors(self) -> Path:
        return self.layout.shard(self.spec, self.shard)

    @property
    def statistics(self) -> Path:
        return self.layout.statistics_chunk(self.spec, self.shard)

    def finished(self, content_hashes: Sequence[str]) -> Marker | None:
        """The marker, if the shard is finished and holds just these recordings."""
        return finished(self.layout, self.spec, self.shard, content_hashes)


@dataclass(frozen=True)
class HeldClip:
    """One clip in a finished shard."""

    shard: Held
    slot: int

    def read(self) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """Values of `clip_shape`, statistics `(groups, 2)`, and what the shard was made with, as its marker says.

        Raises `StoreError` when damaged.
        """
        held, spec = self.shard, self.shard.spec
        marker = read_checked(held.marker)
        file, places = open_shard(held.tensors, spec, len(marker["crc32c"]))
        offset, count = places[self.slot].tolist()
        data = np.empty(count, np.uint8)
        file.read_into(offset, data.data)
        if google_crc32c.value(data) != marker["crc32c"][self.slot]:
            raise damaged(held.tensors, f"clip {self.slot} does not match its checksum")
        statistics = held.statistics.read_bytes()
        if google_crc32c.value(statistics) != marker["statistics_crc32c"]:
            raise damaged(held.statistics, "it does not match its checksum")
        stored = codec(spec.compression).decode(data) if spec.compression else data
        values = np.frombuffer(stored, dtype=spec.dtype).reshape(spec.clip_shape)
        pair = np.frombuffer(statistics, dtype="<f8").reshape(-1, *spec.statistics_shape)[self.slot]
        return values, pair, written_with(marker)


@dataclass(frozen=True)
class _State:
    """A store beside the one that is written, complete or not, and its arrays of the identities that are wanted."""

    layout: Layout
    specs: Mapping[str, ArraySpec]  # by the variant that is written; here it may have another name

    def content(self) -> np.ndarray:
        """Content hash of each row, as bytes `(clips,)`. Raises `OSError` or `ValueError` if there is no row table."""
        with pq.ParquetFile(self.layout.rows) as file:
            batches = file.iter_batches(columns=["content_hash"])
            parts = [batch.column(0).to_numpy(zero_copy_only=False).astype("S32") for batch in batches]
        return np.concatenate([np.empty(0, "S32"), *parts])  # a table without rows has no parts

    @property
    def clips_per_shard(self) -> int:
        return next(iter(self.specs.values())).clips_per_shard

    def shard(self, variant: str, content: np.ndarray, number: int) -> tuple[Held, list[str]]:
        """A shard of that variant, and the recordings that it should hold."""
        size = self.clips_per_shard
        hashes = [text.decode() for text in content[number * size : (number + 1) * size].tolist()]
        return Held(self.layout, self.specs[variant], number), hashes


class Pool:
    """The stores below a folder that hold arrays of the same identities as one that is written.

    Row tables are read one store after the other, and markers of those shards only that hold something wanted; what is
    kept of it are 8 bytes for each wanted tensor.
    """

    def __init__(self, stores: Path, specs: Sequence[ArraySpec]) -> None:
        wanted = {spec.identity: spec for spec in specs}
        found: dict[Path, dict[str, ArraySpec]] = {}
        for metadata in sorted(stores.glob("*/*/tensors.zarr/*/zarr.json")):
            try:
                attributes = read_json(metadata)["attributes"]
                if (spec := wanted.get(attributes.get("identity"))) is not None:
                    found.setdefault(metadata.parents[2], {})[spec.variant] = replace(
                        spec,
                        variant=metadata.parent.name,
                        clips_per_shard=attributes["clips_per_shard"],
                        compression=attributes.get("compression"),
                    )
            except (ValueError, KeyError, AttributeError, OSError):  # another store is damaged, which is no reason
                continue  # to build nothing
        self._states = [_State(Layout(path), arrays) for path, arrays in found.items()]

    def link(self, writer: StoreWriter) -> None:
        """Take over whole shards that a store lacks, as hard links, where another one holds just their clips."""
        lacking = [(variant, shard) for shard, variants in writer.missing().items() for variant in variants]
        for state, content in self._contents() if lacking else ():
            if state.layout == writer.layout:
                continue
            firsts: dict[bytes, list[int]] = {}  # a shard is known by its first clip, and compared as a whole
            for number, first in enumerate(content[:: state.clips_per_shard].tolist()):
                firsts.setdefault(first, []).append(number)
            lacking = [pair for pair in lacking if not _linked(writer, state, firsts, *pair)]

    def find(self, writer: StoreWriter, missing: Mapping[int, Sequence[str]]) -> "Copies":
        """Find in other stores what is `missing`: variants of the shards that are to be written, by their numbers."""
        copies = Copies(writer, missing)
        for state, content in self._contents():
            copies.look_in(state, content)
        return copies

    def _contents(self) -> Iterator[tuple[_State, np.ndarray]]:
        for state in self._states:
            try:
                content = state.content()
            except (OSError, pa.ArrowInvalid):  # damaged, or removed just now
                continue
            yield state, content


class Copies:
    """Tensors in other stores, or in the same one, that shards to be written can be given."""

    def __init__(self, writer: StoreWriter, missing: Mapping[int, Sequence[str]]) -> None:
        self._states: list[_State] = []
        self._sizes: list[int] = []
        self._starts: dict[int, int] = {}  # of each shard, among the wanted clips
        hashes: list[np.ndarray] = []
        count = 0
        for shard in missing:
            self._starts[shard] = count
            hashes.append(np.asarray(writer.shard_hashes(shard), dtype="S32"))
            count += len(hashes[-1])
        self._wanted = np.concatenate([np.empty(0, "S32"), *hashes])
        # The row of each wanted clip, counted through all states that were looked at; -1 while none is known.
        self._rows: dict[str, np.ndarray] = {}
        self._lacking: dict[str, np.ndarray] = {}
        for variant in writer.specs:
            needed = [
                np.full(len(part), variant in missing[shard]) for shard, part in zip(missing, hashes, strict=True)
            ]
            if any(part.any() for part in needed):
                self._lacking[variant] = np.concatenate(needed)
                self._rows[variant] = np.full(count, -1)

    def look_in(self, state: _State, content: np.ndarray) -> None:
        """Note the wanted tensors that a store holds in finished shards, as far as none is known."""
        base = sum(self._sizes)
        self._states.append(state)
        self._sizes.append(len(content))
        if not len(content):
            return
        order = np.argsort(content, kind="stable")
        rows = order[np.minimum(np.searchsorted(content, self._wanted, sorter=order), len(content) - 1)]
        same = content[rows] == self._wanted
        for variant in self._lacking.keys() & state.specs.keys():
            matching = np.flatnonzero(same & self._lacking[variant])
            matching = matching[np.argsort(rows[matching])]
            shards = rows[matching] // state.clips_per_shard
            for here in np.split(matching, np.flatnonzero(np.diff(shards)) + 1) if len(matching) else ():
                held, hashes = state.shard(variant, content, int(rows[here[0]]) // state.clips_per_shard)
                if held.finished(hashes) is not None:
                    self._rows[variant][here] = base + rows[here]
                    self._lacking[variant][here] = False

    def of(self, variant: str, shard: int, count: int) -> list[HeldClip | None]:
        """For each of the `count` clips of a shard, what can be copied."""
        start = self._starts[shard]
        return [
            None if row < 0 else self._clip(variant, row) for row in self._rows[variant][start : start + count].tolist()
        ]

    def _clip(self, variant: str, row: int) -> HeldClip:
        number = 0
        while row >= self._sizes[number]:
            row -= self._sizes[number]
            number += 1
        state = self._states[number]
        shard, slot = divmod(row, state.clips_per_shard)
        return HeldClip(Held(state.layout, state.specs[variant], shard), slot)


def _linked(
    writer: StoreWriter, state: _State, firsts: Mapping[bytes, Sequence[int]], variant: str, shard: int
) -> bool:
    """Take over one shard, if a store holds it; says whether."""
    ours, theirs = writer.specs[variant], state.specs.get(variant)
    if theirs is None or (theirs.clips_per_shard, theirs.compression) != (ours.clips_per_shard, ours.compression):
        return False
    hashes = writer.shard_hashes(shard)
    promised = finished(writer.layout, ours, shard, hashes)
    for number in firsts.get(hashes[0].encode(), ()):
        held = Held(state.layout, theirs, number)
        marker = held.finished(hashes)
        if marker is not None and (promised is None or not differs(promised, marker)):
            return _link(held, writer.layout, ours, shard, promised or linked(marker))
    return False


def _link(held: Held, layout: Layout, spec: ArraySpec, shard: int, marker: Marker) -> bool:
    """Take over a shard's files as hard links; returns False where that cannot be.

    A file that was cut short is linked as well; the writer, which looks at sizes, then takes the shard for missing.
    """
    try:
        for source, target in (
            (held.tensors, layout.shard(spec, shard)),
            (held.statistics, layout.statistics_chunk(spec, shard)),
        ):
            with taking_place(target) as partial:
                os.link(source, partial)
    except OSError:  # a file gone, no hard links: the clips are copied or computed
        return False
    write_checked(layout.marker(spec.variant, shard), marker)
    return True
