"""The Zarr v3 metadata of a store, written by the zarr library itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import zarr

from stores.codec import codec_metadata
from stores.layout import ArraySpec, Layout

COMMON: dict[str, Any] = {
    "filters": None,
    "fill_value": np.nan,  # so that silence and missing do not look alike
    "chunk_key_encoding": {"name": "default", "separator": "."},  # one flat folder of shard files
}


def create_arrays(layout: Layout, arrays: Sequence[ArraySpec], clips: int, attributes: dict[str, Any]) -> None:
    """Write the metadata of the group and of the arrays that it lacks; data files that are there already stay."""
    group = zarr.open_group(layout.group, mode="a", zarr_format=3)
    group.attrs.put(attributes)
    statistics = group.require_group("statistics")
    for spec in arrays:
        if spec.variant not in group:
            group.create_array(
                spec.variant,
                shape=(clips, *spec.clip_shape),
                dtype=spec.dtype,
                chunks=(1, *spec.clip_shape),
                shards=(spec.clips_per_shard, *spec.clip_shape),
                dimension_names=("clip", *spec.dimensions),
                attributes=spec.attributes,
                compressors=_compressors(spec),
                **COMMON,
            )
        if spec.variant not in statistics:
            statistics.create_array(
                spec.variant,
                shape=(clips, *spec.statistics_shape),
                dtype="float64",
                chunks=(spec.clips_per_shard, *spec.statistics_shape),
                dimension_names=("clip", "group", "location_scale"),
                compressors=None,
                **COMMON,
            )


def _compressors(spec: ArraySpec) -> list[dict[str, Any]]:
    return [codec_metadata(spec.compression, np.dtype(spec.dtype).itemsize)] if spec.compression else []
