"""Opening a store, whatever it is stored as."""

from pathlib import Path

from stores.errors import StoreError
from stores.files import read_checked
from stores.folder import FolderStorage
from stores.layout import POINTER, Layout
from stores.reader import Store


def open_store(path: str | Path, *, check: bool = False, direct: bool = False) -> Store:
    """Open a complete store, the current one of a folder of stores that belong together, or an HDF5 export of one.

    Parameters
    ----------
    path : path
    check : bool
        Compare each clip that is read with its checksum, and read it by its position.
    direct : bool
        Read past the page cache, where the system can: for stores many times the size of memory.

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
