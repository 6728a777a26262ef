"""A store as one HDF5 file: the same tensors, for the same streams and for all other software that reads HDF5.

/<variant>               (clips, *clip_shape), one clip a chunk, not compressed, with Zarr's attributes of the variant
/statistics/<variant>    (clips, groups, 2) float64
/checksums/<variant>     (clips,) CRC32C of each clip
/rows/<column>           the row table; what is missing there stands as the attribute `missing` says
attribute `manifest`     the store's manifest as JSON
"""

import json
from functools import cached_property
from pathlib import Path

import google_crc32c
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stores.clips import ClipReader, reader_of
from stores.errors import StoreError
from stores.files import read_json, taking_place
from stores.layout import ArraySpec, Layout
from stores.positioned import ALIGNMENT, File
from stores.reader import Store
from stores.storage import LocalStorage, Manifest

_MISSING_INT, _MISSING_TEXT = -1, ""


def export(store: Store, path: Path) -> None:
    """Write a store to an HDF5 file, clip by clip; the file takes its name when it is complete."""
    with taking_place(path) as partial, h5py.File(partial, "x", alignment_interval=ALIGNMENT) as file:
        file.attrs["manifest"] = json.dumps(store.manifest | {"compression": None}, sort_keys=True)
        _write_rows(file.create_group("rows", track_order=True), store.rows)
        for variant, spec in store.specs.items():
            shape, chunk = (len(store), *spec.clip_shape), (1, *spec.clip_shape)
            array = file.create_dataset(variant, shape, spec.dtype, chunks=chunk, fillvalue=np.nan)
            metadata = read_json(Layout(Path(store.path)).group / variant / "zarr.json")
            for axis, name in enumerate(metadata["dimension_names"]):
                array.dims[axis].label = name
            for name, value in metadata["attributes"].items():
                if name == "compression":  # that is the store's, and the export has none
                    continue
                array.attrs[name] = json.dumps(value) if isinstance(value, dict) else value
            checksums = np.empty(len(store), np.uint32)
            for row in range(len(store)):
                clip = store.clip(row, variant)
                checksums[row] = google_crc32c.value(clip)
                array.id.write_direct_chunk((row, *(0 for _ in spec.clip_shape)), clip)
            file.create_dataset(f"statistics/{variant}", data=store.statistics(variant))
            file.create_dataset(f"checksums/{variant}", data=checksums)


def _write_rows(group: h5py.Group, rows: pa.Table) -> None:
    for name in rows.column_names:
        column = rows[name]
        if pa.types.is_string(column.type):
            texts = pc.fill_null(column, _MISSING_TEXT).to_pylist()
            group.create_dataset(name, data=texts, dtype=h5py.string_dtype()).attrs["missing"] = _MISSING_TEXT
        elif pa.types.is_integer(column.type):
            dataset = group.create_dataset(name, data=pc.fill_null(column, _MISSING_INT).to_numpy())
            dataset.attrs["missing"] = _MISSING_INT
        else:
            group.create_dataset(name, data=column.to_numpy())


def _read_column(dataset: h5py.Dataset) -> pa.Array:
    texts = h5py.check_string_dtype(dataset.dtype) is not None
    values = dataset.asstr()[:] if texts else dataset[:]
    mask = values == dataset.attrs["missing"] if "missing" in dataset.attrs else None
    return pa.array(values, pa.string() if texts else None, mask=mask)


class Hdf5Storage(LocalStorage):
    """Storage of a store that `export` wrote; a reader reads all clips of a variant, at the places that HDF5 tells."""

    def manifest(self) -> Manifest:
        try:
            with h5py.File(self.path) as file:
                return dict(json.loads(file.attrs["manifest"]))
        except (OSError, KeyError, ValueError) as error:
            raise StoreError(f"{self.path}: expected an HDF5 file that `otogura export` wrote ({error})") from None

    def rows(self, manifest: Manifest) -> pa.Table:
        with h5py.File(self.path) as file:
            return pa.table({name: _read_column(column) for name, column in file["rows"].items()})

    def statistics(self, spec: ArraySpec, clips: int) -> np.ndarray:
        with h5py.File(self.path) as file:
            return np.asarray(file["statistics"][spec.variant])

    def clips_per_file(self, manifest: Manifest) -> int:
        return max(1, int(manifest["clips"]))

    def open_clips(self, spec: ArraySpec, file: int, clips: int) -> ClipReader:
        if spec.variant not in self._indices:
            self._indices[spec.variant] = self._read_index(spec, clips)
        places, checksums = self._indices[spec.variant]
        aligned = not (places % ALIGNMENT).any()
        return reader_of(
            File(self.path, self.direct and aligned), spec, places, mappable=self.mappable, checksums=checksums
        )

    @cached_property
    def _indices(self) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
        return {}

    def _read_index(self, spec: ArraySpec, clips: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Ask HDF5 for offset and size of each clip, and read the checksums if they are to be compared."""
        variant = spec.variant
        places = np.full((clips, 2), -1, np.int64)
        with h5py.File(self.path) as file:
            array = file[variant]
            if array.chunks != (1, *spec.clip_shape) or array.compression or array.dtype != spec.dtype:
                raise StoreError(f"{self.path}: expected {variant} in uncompressed chunks of one clip; export it again")
            array.id.chunk_iter(
                lambda chunk: places.__setitem__(chunk.chunk_offset[0], (chunk.byte_offset, chunk.size))
            )
            checksums = file["checksums"][variant][:] if self.check else None
        if missing := (places[:, 0] < 0).sum():
            raise StoreError(f"{self.path}: {missing} clips of {variant} are missing; export it again")
        return places, checksums
