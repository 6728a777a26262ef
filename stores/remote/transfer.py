"""Copies of whole stores to object storage and back; what is there already is passed over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from stores.errors import StoreError
from stores.files import checked_json, digest, make_folder, parse_checked, read_checked, replacing, write_checked
from stores.layout import POINTER, ArraySpec, Layout
from stores.opening import open_store
from stores.remote.objects import Objects
from stores.remote.storage import RELATIVE, RemoteStorage
from stores.remote.upload import promise, send
from stores.remote.verify import is_shard, names_of, shards_of
from stores.verify import damage_of_shard

TRANSFERS = 4  # shards at a time, each in memory as a whole when it is pulled


@dataclass(frozen=True)
class Moved:
    """One shard that has been copied, or was there already.

    Attributes
    ----------
    bytes : int
        That were copied.
    """

    bytes: int


class Push:
    """Copy of a store in a folder to an address. Shards come first, then what describes them, and the manifest last.

    The store lies below the address by its identity, and `current.json` points to it, as in a folder of stores.

    Parameters
    ----------
    path : Path
        A store, or a folder of stores, whose current one is pushed.
    address : str
    """

    def __init__(self, path: Path, address: str) -> None:
        store = open_store(path)
        self._layout = Layout(Path(store.path))
        self._store = store
        self._family = Objects(address)
        self.objects = self._family.below(self._layout.path.name)
        self._there = self.objects.sizes()

    @property
    def shards(self) -> int:
        """Return the number of shards of all variants."""
        return len(self._store.shards) * len(self._store.variants)

    def run(self) -> Iterator[Moved]:
        """Push, and yield each shard once it is there.

        Raises `StoreError` where one is damaged or cannot be written, or another store is there.
        """
        hashes = self._store.rows["content_hash"].to_pylist()
        jobs = [
            (spec, shard, hashes[rows.start : rows.stop])
            for spec in self._store.specs.values()
            for shard, rows in enumerate(self._store.shards)
        ]
        with ThreadPoolExecutor(TRANSFERS) as threads:
            yield from threads.map(lambda job: self._push_shard(*job), jobs)
        for path in self._layout.metadata():
            send(self.objects, path.relative_to(self._layout.path).as_posix(), path, self._there)
        manifest = self._layout.manifest
        name = manifest.relative_to(self._layout.path).as_posix()
        committed = self.objects.put(name, manifest.read_bytes(), create=True)
        if not committed and parse_checked(self.objects.get(name)) != self._store.manifest:
            raise StoreError(f"{self.objects.address}: another store is there; choose another address")
        pointer = self._layout.path.parent / POINTER
        current = {"store": self._layout.path.name}
        if pointer.is_file() and (told := read_checked(pointer))["store"] == current["store"]:
            current = told
        self._family.put(POINTER, checked_json(current))

    def _push_shard(self, spec: ArraySpec, shard: int, content_hashes: list[str]) -> Moved:
        if damage := next(damage_of_shard(self._layout, spec, shard, content_hashes), None):
            raise StoreError(f"{damage}; to mend the store: otogura verify --repair and its folder")
        tensors, statistics, marker_name = names_of(spec, shard)
        marker = read_checked(self._layout.marker(spec.variant, shard))
        if not promise(self.objects, spec, shard, marker, self._there):
            raise StoreError(
                f"{self.objects.address}/{marker_name}: other bytes of this shard are promised there; choose another "
                "address, or remove this object and the shard if nobody needs them"
            )
        sent = send(self.objects, tensors, self._layout.shard(spec, shard), self._there)
        return Moved(sent + send(self.objects, statistics, self._layout.statistics_chunk(spec, shard), self._there))


class Pull:
    """Copy of a store at an address to a folder of stores. Every clip is compared with its checksum.

    Parameters
    ----------
    address : str
        Of a store, or of the folder of one.
    folder : Path
        The store comes below it, by its identity, and `current.json` points to it.
    """

    def __init__(self, address: str, folder: Path) -> None:
        store = open_store(address, cache_bytes=0)
        self._storage = RemoteStorage(Objects(str(store.path)), None, 0)
        self._store, self._folder = store, folder
        self._layout = Layout(folder / self._storage.objects.address.rsplit("/", 1)[1])

    @property
    def shards(self) -> int:
        """Return the number of shards of all variants."""
        return len(self._store.shards) * len(self._store.variants)

    @property
    def path(self) -> Path:
        """Return the folder of the store."""
        return self._layout.path

    def run(self) -> Iterator[Moved]:
        """Pull, and yield each shard once it is there. Raises `StoreError` where something is missing or damaged."""
        if self._layout.manifest.is_file():
            return
        with ThreadPoolExecutor(TRANSFERS) as threads:
            yield from threads.map(lambda job: self._pull_shard(*job), list(shards_of(self._store)))
        for name, expected in self._store.manifest["files"].items():
            data = self._storage.whole(name, lambda data, expected=expected: digest(data) == expected)  # type: ignore[misc]
            self._write(self._layout.path / name, data)
        manifest = RELATIVE.manifest.as_posix()
        self._write(self._layout.manifest, self._storage.whole(manifest, lambda data: parse_checked(data) is not None))
        write_checked(self._folder / POINTER, {"store": self._layout.path.name})

    def _pull_shard(self, spec: ArraySpec, shard: int, count: int) -> Moved:
        marker_path = self._layout.marker(spec.variant, shard)
        if marker_path.is_file():  # written after what it speaks of
            return Moved(0)
        marker = self._storage.marker(spec, shard)
        tensors, statistics, marker_name = names_of(spec, shard)
        data = self._storage.whole(tensors, lambda data: is_shard(data, spec, count, marker))
        self._write(self._layout.shard(spec, shard), data)
        expected = marker["statistics_crc32c"]
        part = self._storage.whole(statistics, lambda data: google_crc32c.value(data) == expected)
        self._write(self._layout.statistics_chunk(spec, shard), part)
        self._write(marker_path, self._storage.whole(marker_name, lambda data: parse_checked(data) is not None))
        return Moved(len(data) + len(part))

    def _write(self, path: Path, data: bytes) -> None:
        make_folder(path.parent)
        with replacing(path) as file:
            file.write(data)
