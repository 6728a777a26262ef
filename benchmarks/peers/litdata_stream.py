"""litdata's chunks of tensors, uncompressed, by its own dataset and loader.

https://github.com/Lightning-AI/litData#speed-up-model-training: `optimize` with chunks of 64 MB, then streaming;
faster here without worker processes than with two.
"""

import os
from functools import partial

import torch
from litdata import StreamingDataLoader, StreamingDataset, optimize

BATCH = 16


def prepare(folder, clips):
    # otherwise in the system's folder for temporary files
    os.environ["DATA_OPTIMIZER_CACHE_FOLDER"] = str(folder / "chunks")
    os.environ["DATA_OPTIMIZER_DATA_CACHE_FOLDER"] = str(folder / "data")
    optimize(
        partial(sample, clips),
        list(range(len(clips))),
        str(folder / "clips"),
        chunk_bytes="64MB",
        num_workers=1,
        start_method="fork",  # its own choice, spawn, would stay for all that this process starts later
        verbose=False,
    )
    dataset = StreamingDataset(str(folder / "clips"), cache_dir=str(folder / "cache"), shuffle=True)
    return StreamingDataLoader(dataset, batch_size=BATCH, num_workers=0)


def sample(clips, row):
    return {"features": torch.from_numpy(clips[row]), "row": row}


def epoch(batches, seed):
    """Yield an epoch as `memory_copy.epoch` does; its order is another in each epoch, whatever the seed."""
    for batch in batches:
        yield batch["features"], batch["row"]
