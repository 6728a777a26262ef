"""litdata's chunks in object storage, as `litdata_stream` writes them; nothing is there in its cache at first.

https://github.com/Lightning-AI/litData#streaming: an address in place of a folder.
"""

from shutil import rmtree

from litdata import StreamingDataLoader, StreamingDataset
from litdata.streaming.downloader import _OBSTORE_CLIENT_OPTIONS

from benchmarks.peers import litdata_stream

BATCH = 16


def prepare(folder, clips, address, upload):
    """Return what `epoch` takes; `upload` copies a folder to an address."""
    _OBSTORE_CLIENT_OPTIONS["allow_http"] = True  # the server here has no certificate, which it gives no setting for
    litdata_stream.prepare(folder, clips)
    upload(folder / "clips", address)
    return address, folder / "cold"


def epoch(there, seed):
    """Yield an epoch as `memory_copy.epoch` does; its order is that of the seed."""
    address, cache = there
    dataset = StreamingDataset(address, cache_dir=str(cache), shuffle=True, seed=seed)
    for batch in StreamingDataLoader(dataset, batch_size=BATCH, num_workers=0):
        yield batch["features"], batch["row"]
    rmtree(cache)
