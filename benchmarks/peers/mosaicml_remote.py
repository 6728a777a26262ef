"""MosaicML's shards in object storage, uncompressed, by its own dataset; nothing is there in its cache at first.

https://docs.mosaicml.com/projects/streaming: `MDSWriter`, then `StreamingDataset` with a remote and a local folder.
"""

import sys
from importlib.machinery import ModuleSpec
from shutil import rmtree
from types import ModuleType

import numpy as np
import torch
from torch.utils.data import DataLoader


def _without_torchvision():
    """Give it names in place of torchvision, which it imports for data sets of images alone."""
    names = {"": {}, ".datasets": {"VisionDataset": object}, ".transforms": {"ToTensor": object}}
    for name, content in (names | {".transforms.functional": {"to_tensor": None}}).items():
        module = ModuleType(f"torchvision{name}")
        module.__spec__ = ModuleSpec(module.__name__, None)
        vars(module).update(content)
        sys.modules.setdefault(module.__name__, module)


_without_torchvision()
from streaming import MDSWriter, StreamingDataset  # noqa: E402
from streaming.base.util import clean_stale_shared_memory  # noqa: E402

BATCH = 16


def prepare(folder, clips, address, upload):
    """Return what `epoch` takes; `upload` copies a folder to an address."""
    columns = {"features": f"ndarray:float16:{','.join(map(str, clips.shape[1:]))}", "row": "int"}
    with MDSWriter(out=str(folder / "shards"), columns=columns) as writer:
        for row, clip in enumerate(clips):
            writer.write({"features": clip, "row": row})
    upload(folder / "shards", address)
    return address, folder / "cold"


def epoch(there, seed):
    """Yield an epoch as `memory_copy.epoch` does; its order is that of the seed."""
    address, cache = there
    clean_stale_shared_memory()
    dataset = StreamingDataset(
        remote=address, local=str(cache), shuffle=True, shuffle_seed=seed, batch_size=BATCH, num_canonical_nodes=1
    )
    yield from DataLoader(dataset, batch_size=BATCH, num_workers=0, collate_fn=collated)
    rmtree(cache)


def collated(samples):
    """Return the features of samples in one tensor, and their rows."""
    # Its arrays are read-only, of which torch warns.
    features = np.stack([sample["features"] for sample in samples])
    return torch.from_numpy(features), [sample["row"] for sample in samples]
