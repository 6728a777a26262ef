"""Opening a store, whatever it is stored as."""

import os
from pathlib import Path

from stores.errors import StoreError
from stores.files import parse_checked, read_checked
from stores.folder import FolderStorage
from stores.layout import ADDRESS, POINTER, Layout
from stores.reader import Store
from stores.remote.objects import PUSH, Objects, is_address

CACHE_GB = "OTOGURA_CACHE_GB"  # variable with the size of the cache


def open_store(
    path: str | Path,
    *,
    check: bool = False,
    direct: bool = False,
    cache: str | Path | None = None,
    cache_bytes: int | None = None,
) -> Store:
    """Open a complete store, the current one of a folder of stores that belong together, or an HDF5 export of one.

    What lies in object storage is read by ranges and kept in a local cache, and every clip is compared with its
    checksum.

    Parameters
    ----------
    path : path or str
        A folder, a file, or an address such as `s3://bucket/stores/genres`. Credentials and endpoints come from the
        environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL`).
    check : bool
        Compare each clip that is read with its checksum, and read it by its position.
    direct : bool
        Read past the page cache, where the system can: for stores many times the size of memory.
    cache : path, optional
        Folder of the cache; by default that in `OTOGURA_CACHE`, or `otogura` in the user's folder of caches
        (`XDG_CACHE_HOME`).
    cache_bytes : int, optional
        Size of the cache, over all stores and processes that use it; by default that in `OTOGURA_CACHE_GB`, or 50 GB.
        With 0 nothing is kept.

    Returns
    -------
    Store

    Raises
    ------
    StoreError
        If there is no store, it is not complete, or a shard is missing or cut short.

    Notes
    -----
    Files that are read often are mapped into memory, unless `check` or `direct` is set or the store lies on a network
    file system or one in user space, which Linux's table of mounts tells. Nothing of otogura changes or shortens a
    mapped file: a repair puts another one in its place. If another program cuts one short, or the disk fails to read
    it, the process ends by SIGBUS, where positioned reads raise `StoreError`.

    A process keeps as many files open as it may have descriptors for itself, over all its stores: half of
    `RLIMIT_NOFILE`, which is raised to 4096 where the system allows, and 2048 at most. What is beyond is opened for
    each read. The files of a store are closed when nothing refers to it any more.

    Examples
    --------
    >>> import otogura
    >>> store = otogura.open_store("work/stores/genres-demo-34bfcb93")
    >>> store.variants
    ('original', 'noise', 'shift', 'stretch', 'pitch', 'rolloff')
    >>> store.clip(0, "noise").shape
    (128, 216, 4)
    """
    if is_address(path):
        return _open_remote(str(path), cache, cache_bytes)
    folder = Path(path)
    if folder.is_file():
        from stores.hdf5 import Hdf5Storage  # h5py is for those who have such a file

        return Store(Hdf5Storage(folder, check, direct))
    current = current_store(folder)
    if isinstance(current, str):
        return _open_remote(current, cache, cache_bytes)
    folder = current
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such store")
    if not Layout(folder).manifest.is_file():
        raise StoreError(f"{folder}: expected a complete store with a manifest.json; build it again to finish it")
    storage = FolderStorage(folder, check, direct)
    store = Store(storage)
    storage.check_sizes(store.specs.values(), len(store))
    return store


def current_store(folder: Path) -> Path | str:
    """Return the current one of a folder of stores, or its address; any other folder as it is."""
    pointer = folder / POINTER
    if not pointer.is_file():
        return folder
    current = read_checked(pointer)
    return f"{current[ADDRESS]}/{current['store']}" if ADDRESS in current else folder / current["store"]


def store_objects(address: str) -> Objects:
    """Return the objects of the store at an address, or of the current one of a folder of stores."""
    objects = Objects(address)
    try:
        pointer = parse_checked(objects.get(POINTER))
    except FileNotFoundError:
        return objects
    if pointer is None:
        raise StoreError(f"{address}/{POINTER}: it does not match its checksum; {PUSH}")
    return objects.below(pointer["store"])


def _open_remote(address: str, cache: str | Path | None, cache_bytes: int | None) -> Store:
    from stores.remote.storage import RemoteStorage

    objects = store_objects(address)
    folder = os.environ.get("OTOGURA_CACHE") if cache is None else cache
    if folder is None:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otogura"
    size = _cache_bytes() if cache_bytes is None else cache_bytes
    return Store(RemoteStorage(objects, Path(folder), size))


def _cache_bytes() -> int:
    text = os.environ.get(CACHE_GB, "50")
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise StoreError(f"{CACHE_GB}: expected a number of GB, got {text!r}")
    return int(gigabytes * 1e9)
