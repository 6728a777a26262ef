"""An export to HDF5: what h5py sees in it, and that the same stream reads it."""

import json
from copy import copy
from pathlib import Path

import h5py
import numpy as np
import pytest
from stores_of import small_store
from typer.testing import CliRunner

from pipeline.commands.main import app
from stores import Store, open_store
from stores.errors import StoreError
from stores.files import PARTIAL_SUFFIX
from stores.hdf5 import export


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def exported(store: Store) -> Path:
    path = store.path.parents[2] / "out.h5"
    export(store, path)
    return path


def test_h5py_reads_tensors_rows_and_attributes(store: Store, exported: Path) -> None:
    with h5py.File(exported) as file:
        for variant in store.variants:
            array = file[variant]
            assert array.shape == (18, 32, 24, 4)
            assert [axis.label for axis in array.dims] == ["clip", "row", "frame", "channel"]
            assert json.loads(array.attrs["recipe"])["n_mels"] == 32
            assert list(array.attrs["channels"]) == ["log_mel", "mfcc", "delta", "delta_delta"]
            np.testing.assert_array_equal(array[:], np.stack([store.clip(row, variant) for row in range(18)]))
            np.testing.assert_array_equal(file["statistics"][variant][:], store.statistics(variant))
        assert file["rows/id"].asstr()[:].tolist() == store.rows["id"].to_pylist()
        np.testing.assert_array_equal(file["rows/noise_snr_db"][:], store.rows["noise_snr_db"].to_numpy())


@pytest.mark.parametrize("options", [{}, {"check": True}, {"direct": True}])
def test_the_reader_finds_the_same(store: Store, exported: Path, options: dict[str, bool]) -> None:
    found = copy(open_store(exported, **options))  # as another process gets it
    assert found.rows.equals(store.rows)
    assert found.manifest == store.manifest
    for variant in store.variants:
        for row in range(len(store)):
            np.testing.assert_array_equal(found.clip(row, variant), store.clip(row, variant))
        np.testing.assert_array_equal(found.statistics(variant), store.statistics(variant))
    with pytest.raises(StoreError, match="no row 18"):
        found.clip(18)


def test_a_flipped_bit_is_found_when_asked(store: Store, exported: Path, tmp_path: Path) -> None:
    data = bytearray(exported.read_bytes())
    data[data.index(store.clip(3, "shift").tobytes())] ^= 1
    (tmp_path / "x.h5").write_bytes(data)
    with pytest.raises(StoreError, match="clip 3 does not match its checksum"):
        open_store(tmp_path / "x.h5", check=True).clip(3, "shift")


@pytest.mark.parametrize("damage", ["truncated", "text", "other"])
def test_what_was_not_exported_is_refused(exported: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.h5"
    if damage == "truncated":
        path.write_bytes(exported.read_bytes()[:-5000])
    elif damage == "text":
        path.write_text("not HDF5")
    else:
        with h5py.File(path, "w") as file:
            file["x"] = 1
    with pytest.raises(StoreError, match="expected an HDF5 file"):
        open_store(path)


class TestCommand:
    def test_exports(self, store: Store, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["export", str(store.path), str(tmp_path / "x.h5")])
        assert result.exit_code == 0, result.output
        assert len(open_store(tmp_path / "x.h5")) == 18
        assert not list(tmp_path.glob("*" + PARTIAL_SUFFIX))

    def test_an_existing_file_stays(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "x.h5").write_text("mine")
        result = CliRunner().invoke(app, ["export", str(store.path), str(tmp_path / "x.h5")])
        assert result.exit_code == 1
        assert (tmp_path / "x.h5").read_text() == "mine"
