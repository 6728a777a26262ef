"""h5py, one clip a chunk without compression, behind torch's DataLoader, a batch at a time.

https://docs.h5py.org/en/stable/high/dataset.html#h5py.Dataset.read_direct: into memory that is there already.
https://docs.pytorch.org/docs/2.13/data.html: `__getitems__`;
faster here without worker processes than with two.
"""

import h5py
import numpy as np
import torch
from torch.utils.data import Dataset

from benchmarks.peers.numpy_dataloader import epoch, loader

__all__ = ["epoch", "prepare"]


class Clips(Dataset):
    def __init__(self, path):
        self.clips = h5py.File(path)["clips"]

    def __len__(self):
        return len(self.clips)

    def __getitems__(self, rows):
        batch = torch.empty((len(rows), *self.clips.shape[1:]), dtype=torch.float16)
        target = batch.numpy()
        for place, row in enumerate(rows):
            self.clips.read_direct(target, np.s_[row], np.s_[place])
        return batch, torch.tensor(rows)


def prepare(folder, clips):
    with h5py.File(folder / "clips.h5", "w") as file:
        file.create_dataset("clips", data=clips, chunks=(1, *clips.shape[1:]))
    return loader(Clips(folder / "clips.h5"), collate=as_it_is)


def as_it_is(batch):
    return batch
