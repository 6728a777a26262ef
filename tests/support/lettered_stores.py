"""Small stores whose recordings are letters: tensors follow from the letter and the variant."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stores import Store
from stores.codec import Compression
from stores.layout import ArraySpec
from stores.shard_writing import writing_shard
from stores.writer import StoreWriter

SHAPE = (4, 6, 2)


def spec(
    variant: str = "original",
    dtype: str = "float16",
    clips_per_shard: int = 4,
    compression: Compression | None = None,
) -> ArraySpec:
    packing: dict[str, Any] = {"clips_per_shard": clips_per_shard, "compression": compression}
    attributes = {"identity": f"identity of {variant}", **packing}
    dimensions = ("row", "frame", "channel")
    return ArraySpec(variant, f"identity of {variant}", SHAPE, dimensions, 5, dtype, attributes=attributes, **packing)


def values(content: str, variant: str, dtype: str = "float16") -> np.ndarray:
    """Any tensor that depends on the recording and the variant."""
    rng = np.random.default_rng([ord(letter) for letter in content + variant])
    return rng.standard_normal(SHAPE).astype(dtype)


def statistics(content: str) -> np.ndarray:
    return np.arange(10.0).reshape(5, 2) + ord(content[0])


def rows(contents: str) -> pa.Table:
    columns = {"id": [f"{c}.wav" for c in contents], "label": ["x"] * len(contents), "content_hash": list(contents)}
    return pa.table(columns)


def write(path: Path, contents: str, specs: list[ArraySpec], shards: set[int] | None = None) -> StoreWriter:
    writer = StoreWriter(path, specs, list(contents))
    writer.prepare(rows(contents), {})
    for shard, variants in writer.missing().items():
        if shards is not None and shard not in shards:
            continue
        hashes = writer.shard_hashes(shard)
        with writing_shard(writer.layout, [writer.specs[v] for v in variants], shard, hashes) as opened:
            for content in hashes:
                for variant in variants:
                    opened[variant].append(values(content, variant, specs[0].dtype), statistics(content))
    if not writer.missing():
        writer.finish(manifest(contents, specs))
    return writer


def manifest(contents: str, specs: list[ArraySpec]) -> dict[str, Any]:
    return {
        "identity": "x",
        "variants": [s.variant for s in specs],
        "clips": len(contents),
        "identities": {s.variant: s.identity for s in specs},
        "shape": [len(contents), *SHAPE],
        "dimensions": ["clip", *specs[0].dimensions],
        "statistics": list("abcde"),
        "dtype": specs[0].dtype,
        "clips_per_shard": specs[0].clips_per_shard,
        "compression": specs[0].compression,
    }


def new_store(path: Path, contents: str, packed: ArraySpec) -> StoreWriter:
    """A store that holds nothing yet."""
    writer = StoreWriter(path, [packed], list(contents))
    writer.prepare(rows(contents), {})
    return writer


def stored_clips(store: Store, rows: list[int]) -> np.ndarray:
    """Read clips of the original as they lie in uncompressed shards of four."""
    clip_bytes, clips = store.specs["original"].clip_bytes, []
    for row in rows:
        shard, slot = divmod(row, 4)
        data = next(store.path.glob(f"tensors.zarr/original/c.{shard}.*")).read_bytes()
        clips.append(np.frombuffer(data[slot * clip_bytes : (slot + 1) * clip_bytes], np.float16))
    return np.stack(clips).reshape(-1, *store.clip_shape)
