"""Hugging Face datasets: an Arrow file, memory-mapped, behind torch's DataLoader.

https://huggingface.co/docs/datasets/use_with_pytorch: `Array3D` for arrays of one shape, the torch format;
faster here without worker processes than with two.
"""

import torch
from datasets import Array3D, Dataset, Features, Value, disable_progress_bars

from benchmarks.peers.numpy_dataloader import loader


def prepare(folder, clips):
    disable_progress_bars()

    def samples():
        for row, clip in enumerate(clips):
            yield {"features": clip, "row": row}

    features = Features({"features": Array3D(clips.shape[1:], "float16"), "row": Value("int64")})
    dataset = Dataset.from_generator(samples, features, cache_dir=str(folder), fingerprint="clips")
    # `dtype` holds for all columns that are formatted, so the row number stays as it is.
    dataset = dataset.with_format("torch", columns=["features"], output_all_columns=True, dtype=torch.float16)
    return loader(dataset)


def epoch(batches, seed):
    """Yield an epoch as `memory_copy.epoch` does."""
    batches.generator.manual_seed(seed)
    for batch in batches:
        yield batch["features"], batch["row"]
