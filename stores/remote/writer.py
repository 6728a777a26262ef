"""Writer of a store in object storage: shards are made in a scratch folder and uploaded whole.

The marker of a shard comes before its tensors and is created only where there is none. So it is a promise that one
builder makes, and nobody uploads other bytes than it says. A shard is finished once all its objects are there, and the
store once it has a manifest, which is created in the same way.
"""

import os
import random
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from stores.errors import StoreError
from stores.files import checked_json, digest, parse_checked, read_checked
from stores.held import HeldShard
from stores.layout import ArraySpec, Layout
from stores.links import WholeShard
from stores.markers import History, Marker
from stores.remote.donors import RemoteHeldShard, shard_is_there
from stores.remote.objects import REPLACE, Objects
from stores.remote.storage import RELATIVE, RemoteStorage, pool
from stores.remote.upload import promise, send
from stores.remote.verify import names_of
from stores.shard_writing import VariantShard, writing_shard
from stores.verify import damage_of_shard
from stores.writer import StoreWriter, Writer


@dataclass(frozen=True)
class RemoteDestination:
    """Shards of a store in object storage, which several builders may write at once.

    Attributes
    ----------
    objects : Objects
        Those of the store.
    scratch : Path
        Folder in which a shard lies until it is uploaded.
    """

    objects: Objects
    scratch: Path

    def lacking(self, specs: Sequence[ArraySpec], shard: int) -> list[ArraySpec]:
        return [spec for spec in specs if not shard_is_there(self.objects.size, spec, shard)]

    @contextmanager
    def writing(
        self, specs: Sequence[ArraySpec], shard: int, content_hashes: Sequence[str]
    ) -> Iterator[dict[str, VariantShard]]:
        """Write one shard of several variants, and upload it; it is left alone where other bytes are promised."""
        with _scratch_layout(self.scratch) as layout:
            for spec in specs:
                for folder in (layout.tensors(spec), layout.statistics(spec), layout.markers(spec.variant)):
                    folder.mkdir(parents=True, exist_ok=True)
            with writing_shard(layout, specs, shard, content_hashes) as shards:
                yield shards
            for spec in specs:
                tensors, statistics, _ = names_of(spec, shard)
                if promise(self.objects, spec, shard, read_checked(layout.marker(spec.variant, shard))):
                    send(self.objects, tensors, layout.shard(spec, shard))
                    send(self.objects, statistics, layout.statistics_chunk(spec, shard))

    @property
    def needed(self) -> tuple[list[Path], list[Path]]:
        return [], []


class RemoteWriter(Writer):
    """Writer of a store in object storage, beside others that may write the same one.

    Parameters
    ----------
    objects : Objects
        Those of the store; the folder two above holds all stores.
    scratch : Path
        Folder of this builder's own, which is removed at the end.
    specs, content_hashes
        As of `Writer`.
    """

    def __init__(
        self,
        objects: Objects,
        scratch: Path,
        specs: Sequence[ArraySpec],
        content_hashes: pa.ChunkedArray | Sequence[str],
    ) -> None:
        super().__init__(specs, content_hashes)
        self._objects, self._scratch = objects, scratch
        self.path, self.destination = objects.address, RemoteDestination(objects, scratch)
        self._storage = RemoteStorage(objects, None, 0)
        self._metadata: list[str] = []  # names of the objects, once they are prepared

    @property
    def complete(self) -> bool:
        return self._objects.size(RELATIVE.manifest.as_posix()) is not None and not self.missing()

    def prepare(self, rows: pa.Table, attributes: dict[str, Any]) -> None:
        self.sweep()
        with _scratch_layout(self._scratch) as layout:
            StoreWriter(layout.path, list(self.specs.values()), self._content_hashes).prepare(rows, attributes)
            self._metadata = [path.relative_to(layout.path).as_posix() for path in layout.metadata()]
            for name in self._metadata:  # of two builders, the first writes it
                self._objects.put(name, (layout.path / name).read_bytes(), create=True)

    def sweep(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)  # a worker that outlived its run may write there just now

    def missing(self, redo: Collection[tuple[str, int]] = ()) -> dict[int, list[str]]:
        """Return the variants that each shard lacks, in an order of chance, so that two builders share the work."""
        assert not redo  # what is damaged is removed, and then it is missing
        sizes = self._objects.sizes()
        lacking: dict[int, list[str]] = {}
        for variant, shard in self.each_shard():
            if not shard_is_there(sizes.get, self.specs[variant], shard):
                lacking.setdefault(shard, []).append(variant)
        return {shard: lacking[shard] for shard in random.sample(sorted(lacking), len(lacking))}

    def promised(self, variant: str, shard: int) -> Marker | None:
        try:
            marker = self._storage.marker(self.specs[variant], shard)
        except StoreError:
            return None
        return marker if marker["key"] == self.specs[variant].shard_key(self.shard_hashes(shard)) else None

    def take(self, shards: Collection[WholeShard]) -> list[WholeShard]:
        """Take over shards: those in the same storage are copied there, those in a folder are uploaded."""
        taken = pool(os.getpid()).map(self._take, shards)
        return [one for one, done in zip(shards, taken, strict=True) if done]

    def _take(self, one: WholeShard) -> bool:
        tensors, statistics, _ = names_of(one.spec, one.shard)
        held = one.held
        if isinstance(held, HeldShard):
            if any(damage_of_shard(held.layout, held.spec, held.shard, self.shard_hashes(one.shard))):
                return False
            if not promise(self._objects, one.spec, one.shard, one.marker):
                return False
            send(self._objects, tensors, held.tensors)
            send(self._objects, statistics, held.statistics)
            return True
        root, ours = self._root, self._objects.address
        if not isinstance(held, RemoteHeldShard) or not held.objects.address.startswith(root.address + "/"):
            return False
        if not promise(self._objects, one.spec, one.shard, one.marker):
            return False
        for name, target in zip(held.names, (tensors, statistics), strict=False):  # but not the marker
            source, goal = (f"{address}/{last}" for address, last in ((held.objects.address, name), (ours, target)))
            root.copy(source.removeprefix(root.address + "/"), goal.removeprefix(root.address + "/"))
        return True

    @property
    def _root(self) -> Objects:
        """Return the objects of all stores."""
        return Objects(self._objects.address.rsplit("/", 2)[0])

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest, unless another builder has.

        Raises `StoreError` if a shard is promised by a builder that has not written it.
        """
        for shard, variants in self.missing().items():
            name = names_of(self.specs[variants[0]], shard)[2]
            raise StoreError(
                f"{self.path}/{name}: another builder has promised other bytes of this shard, and has not written "
                "them; type the same command again once it has ended, or remove this object if it never will"
            )
        history = History()
        pairs = list(self.each_shard())
        for pair, marker in zip(pairs, pool(os.getpid()).map(lambda pair: self.promised(*pair), pairs), strict=True):
            if marker is not None:
                history.add(*pair, marker)
        files = {name: digest(self._objects.get(name)) for name in self._metadata}
        whole = {**manifest, "written_with": history.written_with, "files": files}
        self._objects.put(RELATIVE.manifest.as_posix(), checked_json(whole), create=True)

    @property
    def identity(self) -> str:
        name = RELATIVE.manifest.as_posix()
        manifest = parse_checked(self._objects.get(name))
        if manifest is None:
            raise StoreError(f"{self.path}/{name}: it does not match its checksum; {REPLACE}")
        return str(manifest["identity"])


@contextmanager
def _scratch_layout(scratch: Path) -> Iterator[Layout]:
    """Yield the layout of a store in a folder that is removed afterwards."""
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        yield Layout(Path(folder))
