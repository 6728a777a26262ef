"""webdataset's tar files of .npy, batches made by the dataset, an order that is shuffled within a buffer.

https://webdataset.github.io/webdataset/: shards in a new order, a buffer, `batched`; WebLoader with `batch_size=None`.
Faster here without worker processes than with two.
"""

import torch
import webdataset

BATCH, SHARDS = 16, 4


def prepare(folder, clips):
    with webdataset.ShardWriter(str(folder / "clips-%02d.tar"), maxcount=len(clips) // SHARDS, verbose=0) as shards:
        for row, clip in enumerate(clips):
            shards.write({"__key__": f"{row:06}", "features.npy": clip, "row.cls": row})
    urls = [str(path) for path in sorted(folder.glob("*.tar"))]
    dataset = (
        webdataset.WebDataset(urls, shardshuffle=SHARDS)
        .shuffle(4 * BATCH)
        .decode()
        .to_tuple("features.npy", "row.cls")
        .map_tuple(torch.from_numpy, None)
        .batched(BATCH, partial=False)
    )
    return webdataset.WebLoader(dataset, batch_size=None, num_workers=0)


def epoch(batches, seed):
    """Yield an epoch as `memory_copy.epoch` does; its order is another in each epoch, whatever the seed."""
    yield from batches
