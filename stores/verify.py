"""Comparison of a store with its checksums, which lie apart from the files that they check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import google_crc32c
import numpy as np

from stores.errors import StoreError
from stores.files import read_checked
from stores.folder import FolderStorage
from stores.layout import POINTER, ArraySpec, Layout
from stores.positioned import File
from stores.reader import Store
from stores.shard import index_places


@dataclass(frozen=True)
class Damage:
    """Damage to one file. `variant` and `shard` say which shard has to be written again."""

    path: Path
    what: str
    variant: str | None = None
    shard: int | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def verify(path: Path) -> Iterator[Damage]:
    """Yield all damage to a store, or to the current one of a folder of stores; every byte is read.

    Where the manifest or the row table is damaged, the files that depend on them are checked once they are mended.
    """
    pointer = path / POINTER
    if pointer.is_file() or any(path.glob("*/manifest.json")):
        try:
            path = path / read_checked(pointer)["store"]
        except StoreError as error:
            yield Damage(pointer, _without_path(error, pointer))
            return
    layout = Layout(path)
    if not layout.group.is_dir():
        raise StoreError(f"{path}: expected a store, or a folder with a complete one")
    try:
        store = Store(FolderStorage(path))
    except StoreError as error:
        yield Damage(layout.manifest, _without_path(error, layout.manifest))
        return
    digests = layout.metadata_digests()
    for name, expected in store.manifest["files"].items():
        if name not in digests:
            yield Damage(path / name, "this file is missing")
        elif digests[name] != expected:
            yield Damage(path / name, "it does not match its checksum")
    if digests.get(layout.rows.name) != store.manifest["files"][layout.rows.name]:
        return
    hashes = store.rows["content_hash"].to_pylist()
    for spec in store.specs.values():
        for shard, rows in enumerate(store.shards):
            yield from damage_of_shard(layout, spec, shard, hashes[rows.start : rows.stop])


def damage_of_shard(layout: Layout, spec: ArraySpec, shard: int, content_hashes: Sequence[str]) -> Iterator[Damage]:
    """Yield all damage to one shard of these recordings; every byte is read."""

    def damage(path: Path, what: str) -> Damage:
        return Damage(path, what, spec.variant, shard)

    marker_path, path = layout.marker(spec.variant, shard), layout.shard(spec, shard)
    try:
        marker = read_checked(marker_path)
    except StoreError as error:
        yield damage(marker_path, _without_path(error, marker_path))
        return
    if marker["key"] != spec.shard_key(content_hashes):
        yield damage(marker_path, "it speaks of other recordings")
        return
    statistics = layout.statistics_chunk(spec, shard)
    if not statistics.is_file():
        yield damage(statistics, "this file is missing")
    elif google_crc32c.value(statistics.read_bytes()) != marker["statistics_crc32c"]:
        yield damage(statistics, "it does not match its checksum")
    try:
        file = File(path)
        clips = index_places(file, spec, len(content_hashes))
    except FileNotFoundError:
        yield damage(path, "this shard is missing")
        return
    except StoreError as error:
        yield damage(path, _without_path(error, path))
        return
    memory = np.empty(max(clips[:, 1]), np.uint8)
    for slot, ((offset, size), checksum) in enumerate(zip(clips.tolist(), marker["crc32c"], strict=True)):
        clip = memory[:size]
        file.read_into(offset, clip.data)
        if google_crc32c.value(clip) != checksum:
            yield damage(path, f"clip {slot} does not match its checksum")


def _without_path(error: StoreError, path: Path) -> str:
    """Return the text of an error without the path and the advice."""
    return str(error).removeprefix(f"{path}: ").split(";")[0]
