"""The Zarr v3 metadata of a store, written by the zarr library itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import zarr

from stores.layout import STATISTICS_DIMENSIONS, STATISTICS_SHAPE, ArraySpec, Layout

# One flat folder of shard files instead of three levels of folders for each.
FLAT_KEYS: Any = {"name": "default", "separator": "."}


def create_arrays(layout: Layout, arrays: Sequence[ArraySpec], clips: int, attributes: dict[str, Any]) -> None:
    """Write the metadata of the group and of the arrays that it lacks; data files that are there already stay."""
    group = zarr.open_group(layout.group, mode="a", zarr_format=3)
    group.attrs.put(attributes)
    statistics = group.require_group("statistics")
    for spec in arrays:
        if spec.variant in group and spec.variant in statistics:
            continue
        group.create_array(
            spec.variant,
            shape=(clips, *spec.clip_shape),
            dtype=spec.dtype,
            chunks=(1, *spec.clip_shape),
            shards=(spec.clips_per_shard, *spec.clip_shape),
            compressors=None,
            filters=None,
            fill_value=np.nan,  # so that silence and missing do not look alike
            dimension_names=("clip", "row", "frame", "channel"),
            chunk_key_encoding=FLAT_KEYS,
            attributes=spec.attributes,
            overwrite=True,
        )
        statistics.create_array(
            spec.variant,
            shape=(clips, *STATISTICS_SHAPE),
            dtype="float64",
            chunks=(spec.clips_per_shard, *STATISTICS_SHAPE),
            compressors=None,
            filters=None,
            fill_value=np.nan,
            dimension_names=STATISTICS_DIMENSIONS,
            chunk_key_encoding=FLAT_KEYS,
            overwrite=True,
        )
