"""The Zarr v3 metadata of a store, written by the zarr library itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import zarr
from zarr.abc.buffer import Buffer
from zarr.storage import MemoryStore

from stores.codec import codec_metadata
from stores.files import write_bytes
from stores.layout import ArraySpec, Layout

COMMON: dict[str, Any] = {
    "filters": None,
    "fill_value": np.nan,  # so that silence and missing do not look alike
    "chunk_key_encoding": {"name": "default", "separator": "."},  # one flat folder of shard files
}


def create_arrays(layout: Layout, arrays: Sequence[ArraySpec], clips: int, attributes: dict[str, Any]) -> None:
    """Write the metadata of the group and of its arrays; data files that are there already stay.

    The zarr library writes to memory, from where each file goes to the disk durably: its own files could be empty after
    a power cut.
    """
    files: dict[str, Buffer] = {}
    group = zarr.create_group(MemoryStore(files), zarr_format=3, attributes=attributes)
    statistics = group.create_group("statistics")
    for spec in arrays:
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
        statistics.create_array(
            spec.variant,
            shape=(clips, *spec.statistics_shape),
            dtype="float64",
            chunks=(spec.clips_per_shard, *spec.statistics_shape),
            dimension_names=("clip", "group", "location_scale"),
            compressors=None,
            **COMMON,
        )
    for name, content in files.items():
        write_bytes(layout.group / name, content.to_bytes())


def _compressors(spec: ArraySpec) -> list[dict[str, Any]]:
    return [codec_metadata(spec.compression, np.dtype(spec.dtype).itemsize)] if spec.compression else []
