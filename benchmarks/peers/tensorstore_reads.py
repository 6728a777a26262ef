"""tensorstore, one clip a chunk without compression, the next batch under way while one is used.

https://google.github.io/tensorstore/python/tutorial.html: reads are futures; one per batch is faster than one per clip.
https://google.github.io/tensorstore/kvstore/file/index.html: files memory-mapped, faster than read.
"""

from collections import deque

import numpy as np
import tensorstore

BATCH, AHEAD, CORES = 16, 2, 2
CONTEXT = {
    "data_copy_concurrency": {"limit": CORES},
    "file_io_concurrency": {"limit": CORES},
    "file_io_mode": {"mode": "memmap"},
}


def prepare(folder, clips):
    shape = [1, *clips.shape[1:]]
    array = tensorstore.open(
        {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": f"{folder / 'clips.zarr'}/"},
            "metadata": {
                "shape": clips.shape,
                "data_type": "float16",
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
                "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            },
        },
        create=True,
        context=tensorstore.Context(CONTEXT),
    ).result()
    array.write(clips).result()
    return array


def epoch(array, seed):
    """Yield an epoch as `memory_copy.epoch` does."""
    order = np.random.default_rng(seed).permutation(array.shape[0])
    coming = deque()
    for rows in order.reshape(-1, BATCH):
        coming.append((array[rows].read(), rows))
        if len(coming) > AHEAD:
            yield finished(*coming.popleft())
    while coming:
        yield finished(*coming.popleft())


def finished(read, rows):
    return read.result(), rows
