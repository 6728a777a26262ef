"""One .npy file, memory-mapped, behind torch's DataLoader with its default collation.

https://numpy.org/doc/stable/reference/generated/numpy.load.html,
https://docs.pytorch.org/docs/2.13/data.html: a map-style dataset, automatic batching;
faster here without worker processes than with two that stay from epoch to epoch.
"""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

BATCH = 16


class Clips(Dataset):
    def __init__(self, path):
        self.clips = np.load(path, mmap_mode="c")  # never written; as "r" torch would warn of it

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, row):
        return torch.from_numpy(self.clips[row]), row


def prepare(folder, clips):
    np.save(folder / "clips.npy", clips)
    return loader(Clips(folder / "clips.npy"))


def loader(dataset, collate=None):
    return DataLoader(dataset, batch_size=BATCH, shuffle=True, collate_fn=collate, generator=torch.Generator())


def epoch(batches, seed):
    """Yield an epoch as `memory_copy.epoch` does."""
    batches.generator.manual_seed(seed)
    yield from batches
