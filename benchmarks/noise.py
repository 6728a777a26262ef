"""Stores of noise in the place of features, written without computing any."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.tensors.four_channel import Recipe
from stores import Store, open_store
from stores.codec import Compression
from stores.layout import ArraySpec
from stores.shard_writing import writing_shard
from stores.writer import StoreWriter

CLIPS, CLIPS_PER_SHARD = 256, 64


def noise(shape: tuple[int, ...], count: int = CLIPS) -> np.ndarray:
    """`(count, *shape)` float16 of unit standard deviation."""
    clips = np.empty((count, *shape), np.float16)
    rng = np.random.default_rng(0)
    for clip in clips:
        clip[:] = rng.standard_normal(shape, dtype=np.float32)
    return clips


def written(
    path: Path,
    clips: np.ndarray,
    recipe: Recipe,
    compression: Compression | None = None,
    *,
    count: int = CLIPS,
    clips_per_shard: int = CLIPS_PER_SHARD,
    variants: tuple[str, ...] = ("original",),
) -> Store:
    """A complete store of `count` clips, which are these in turn, another one first in each variant."""
    specs = [
        ArraySpec(
            variant=variant,
            identity=variant,
            clip_shape=recipe.shape,
            dimensions=recipe.dimensions,
            statistics_groups=1,
            dtype="float16",
            clips_per_shard=clips_per_shard,
            attributes={},
            compression=compression,
        )
        for variant in variants
    ]
    hashes = [f"{number:032x}" for number in range(count)]
    writer = StoreWriter(path, specs, hashes)
    writer.prepare(pa.table({"id": hashes, "label": ["noise"] * count, "content_hash": hashes}), {})
    for shard, numbers in enumerate(writer.shards):
        with writing_shard(writer.layout, specs, shard, writer.shard_hashes(shard)) as shards:
            for number in numbers:
                for first, variant in enumerate(variants):
                    shards[variant].append(clips[(first + number) % len(clips)], np.array([[0.0, 1.0]]))
    writer.finish(
        {
            "identity": "noise",
            "variants": list(variants),
            "identities": {spec.variant: spec.identity for spec in specs},
            "clips": count,
            "recipe": asdict(recipe),
            "shape": [count, *recipe.shape],
            "dimensions": ["clip", *recipe.dimensions],
            "statistics": ["all"],
            "dtype": "float16",
            "clips_per_shard": clips_per_shard,
            "compression": compression,
        }
    )
    return open_store(path)
