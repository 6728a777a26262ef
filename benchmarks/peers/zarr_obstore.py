"""zarr-python over obstore, behind torch's DataLoader: the same sharded array, which is plain Zarr.

https://zarr.readthedocs.io/en/stable/user-guide/storage/#object-store: zarr.storage.ObjectStore;
clips one by one, without worker processes, as in zarr_dataloader.
"""

import zarr
from obstore.store import from_url

from benchmarks.peers.numpy_dataloader import epoch, loader
from benchmarks.peers.zarr_dataloader import Clips

__all__ = ["epoch", "prepare"]


def prepare(address):
    store = zarr.storage.ObjectStore(from_url(address, client_options={"allow_http": True}), read_only=True)
    return loader(Clips(store))
