"""Opening a store, whatever it is stored as."""

import os
from pathlib import Path

from stores.errors import StoreError
from stores.files import parse_checked, read_checked
from stores.folder import FolderStorage
from stores.layout import POINTER, Layout
from stores.reader import Store
from stores.remote.objects import PUSH, Objects, is_address

CACHE_BYTES = 50 * 10**9


def open_store(
    path: str | Path,
    *,
    check: bool = False,
    direct: bool = False,
    cache: str | Path | None = None,
    cache_bytes: int = CACHE_BYTES,
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
        Folder of the cache; by default `otogura` in the user's folder of caches (`XDG_CACHE_HOME`).
    cache_bytes : int
        Size of the cache, over all stores and processes that use it; with 0 nothing is kept.

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
    pointer = folder / POINTER
    if pointer.is_file():
        folder = folder / read_checked(pointer)["store"]
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such store")
    if not Layout(folder).manifest.is_file():
        raise StoreError(f"{folder}: expected a complete store with a manifest.json; build it again to finish it")
    storage = FolderStorage(folder, check, direct)
    store = Store(storage)
    storage.check_sizes(store.specs.values(), len(store))
    return store


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


def _open_remote(address: str, cache: str | Path | None, cache_bytes: int) -> Store:
    from stores.remote.storage import RemoteStorage

    objects = store_objects(address)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Store(RemoteStorage(objects, home / "otogura" if cache is None else Path(cache), cache_bytes))
