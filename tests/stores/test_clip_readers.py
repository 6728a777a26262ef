"""One contract for all readers of clips."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from stores_of import random_store

from stores import open_store
from stores.clips import AdaptiveClips, ClipReader, MappedClips, PackedClips, PositionedClips, reader_of
from stores.codec import Compression
from stores.errors import StoreError
from stores.files import read_checked
from stores.folder import FolderStorage
from stores.hdf5 import Hdf5Storage, export
from stores.layout import ArraySpec
from stores.positioned import ALIGNMENT, File
from stores.shard import open_shard

CLIPS, SHAPE = 12, (8, 64, 4)  # 4096 bytes


@dataclass(frozen=True)
class Stored:
    """Clips in one file, and the array that was written there."""

    path: Path
    spec: ArraySpec
    places: np.ndarray
    checksums: list[int]
    clips: np.ndarray

    @property
    def file(self) -> File:
        return File(self.path)

    @property
    def store(self) -> Path:
        return self.path if self.path.suffix == ".h5" else self.path.parents[2]


def stored(folder: Path, compression: Compression | None) -> Stored:
    store = random_store(folder / str(compression), CLIPS, SHAPE, CLIPS, compression)
    (spec,) = store.specs.values()
    path = next(store.path.glob("tensors.zarr/original/c.*"))
    _, places = open_shard(path, spec, CLIPS)
    checksums = read_checked(store.path / "markers" / "original" / "0.json")["crc32c"]
    return Stored(path, spec, places, checksums, np.stack([store.clip(row) for row in range(CLIPS)]))


def exported(folder: Path, plain: Stored) -> Stored:
    export(open_store(plain.store), folder / "x.h5")
    return Stored(folder / "x.h5", plain.spec, plain.places, plain.checksums, plain.clips)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stored]:
    folder = tmp_path_factory.mktemp("stored")
    plain = stored(folder, None)
    return {
        "plain": plain,
        "zstd": stored(folder, "zstd"),
        "blosc": stored(folder, "blosc"),
        "hdf5": exported(folder, plain),
    }


@dataclass(frozen=True)
class Kind:
    """One way of reading: the file that it reads, the reader, and the error of a file that ends too early."""

    file: str
    open: Callable[[Stored], ClipReader]
    cut_short: str = "it ends before clip 11 does"
    checks: bool = False
    maps: bool = False


def packed(file: Stored) -> ClipReader:
    return PackedClips(PositionedClips(file.file, file.spec, file.places), file.spec, file.path)


def packed_checked(file: Stored) -> ClipReader:
    return reader_of(file.file, file.spec, file.places, mappable=False, checksums=file.checksums)


def packed_mappable(file: Stored) -> ClipReader:
    return reader_of(file.file, file.spec, file.places, mappable=True)


def hdf5(**options: bool) -> Callable[[Stored], ClipReader]:
    return lambda file: Hdf5Storage(file.path, **options).open_clips(file.spec, 0, CLIPS)


KINDS = {
    "positioned": Kind("plain", lambda f: PositionedClips(f.file, f.spec, f.places)),
    "direct": Kind("plain", lambda f: PositionedClips(File(f.path, direct=True), f.spec, f.places)),
    "checked": Kind("plain", lambda f: PositionedClips(f.file, f.spec, f.places, f.checksums), checks=True),
    "mapped": Kind("plain", lambda f: MappedClips(f.file, f.spec, f.places), "it was cut short", maps=True),
    "adaptive": Kind("plain", lambda f: AdaptiveClips(f.file, f.spec, f.places), maps=True),
    "zstd": Kind("zstd", packed),
    "blosc": Kind("blosc", packed),
    "zstd, checked": Kind("zstd", packed_checked, checks=True),
    "blosc, mappable": Kind("blosc", packed_mappable),
    "hdf5": Kind("hdf5", hdf5(), maps=True),
    "hdf5, checked": Kind("hdf5", hdf5(check=True), checks=True),
    "hdf5, direct": Kind("hdf5", hdf5(direct=True)),
    "folder": Kind("plain", lambda f: FolderStorage(f.store).open_clips(f.spec, 0, CLIPS), maps=True),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def file(kind: Kind, files: dict[str, Stored]) -> Stored:
    return files[kind.file]


@pytest.fixture
def reader(kind: Kind, file: Stored) -> ClipReader:
    return kind.open(file)


def read(reader: ClipReader, number: int) -> np.ndarray:
    values = np.zeros(SHAPE, np.float16)
    reader.read_into(number, values)
    return values


def changed(kind: Kind, file: Stored, folder: Path, change: Callable[[Path], None]) -> ClipReader:
    """Open the file in a copy of its store after a change."""
    copy = folder / file.store.name
    (shutil.copy if file.store.is_file() else shutil.copytree)(file.store, copy)
    path = copy / file.path.relative_to(file.store)
    change(path)
    return kind.open(Stored(path, file.spec, file.places, file.checksums, file.clips))


def flip(file: Stored, number: int) -> Callable[[Path], None]:
    """Return what flips a bit in the middle of a stored clip."""
    data = file.path.read_bytes()
    if file.spec.compression:
        place = int(file.places[number, 0] + file.places[number, 1] // 2)
    else:
        place = data.index(file.clips[number].tobytes()) + 100

    def change(path: Path) -> None:
        damaged = bytearray(data)
        damaged[place] ^= 1
        path.write_bytes(damaged)

    return change


class TestContract:
    def test_every_clip_is_read_in_any_order_again_and_again(self, reader: ClipReader, file: Stored) -> None:
        for seed in range(4):  # a file is mapped after its first pass
            for number in np.random.default_rng(seed).permutation(CLIPS).tolist():
                np.testing.assert_array_equal(read(reader, number), file.clips[number])
                if seed == 2:
                    np.testing.assert_array_equal(reader.clip(number), file.clips[number])

    def test_a_clip_is_a_view_of_a_map_or_a_copy_of_ones_own(
        self, reader: ClipReader, kind: Kind, file: Stored
    ) -> None:
        clip = reader.clip(3)
        assert clip.shape == SHAPE
        assert clip.dtype == np.float16
        assert clip.flags.writeable != kind.maps
        del reader
        np.testing.assert_array_equal(clip, file.clips[3])
        if not kind.maps:
            assert clip.ctypes.data % ALIGNMENT == 0

    def test_an_address_is_that_of_the_clip(self, reader: ClipReader, kind: Kind, file: Stored) -> None:
        for number in range(CLIPS):
            read(reader, number)
        for number in range(CLIPS):
            address = reader.address(number)
            assert (address is not None) == kind.maps
            if address is not None:
                assert address == reader.clip(number).ctypes.data

    def test_announcing_is_harmless(self, reader: ClipReader, file: Stored) -> None:
        for number in (0, 5, CLIPS - 1):
            reader.announce(number)
            np.testing.assert_array_equal(read(reader, number), file.clips[number])
            np.testing.assert_array_equal(reader.clip(number), file.clips[number])
            reader.announce(number)

    def test_threads_share_a_reader(self, reader: ClipReader, file: Stored) -> None:
        def read_all(seed: int) -> None:
            for number in np.random.default_rng(seed).permutation(CLIPS).tolist():
                reader.announce(number)
                np.testing.assert_array_equal(read(reader, number), file.clips[number])

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(read_all, range(40)))

    def test_no_clip_stands_beyond_the_last(self, reader: ClipReader) -> None:
        for ask in (read, lambda reader, number: reader.clip(number), lambda reader, number: reader.announce(number)):
            with pytest.raises(IndexError):
                ask(reader, CLIPS)

    def test_a_file_that_was_cut_short_is_an_error(self, kind: Kind, file: Stored, tmp_path: Path) -> None:
        """Before it is opened or afterwards, but not once it is mapped: that ends the process."""
        end = int(file.places[-1].sum())
        if kind.file == "hdf5":
            end = file.path.read_bytes().index(file.clips[-1].tobytes()) + file.spec.clip_bytes
        path: list[Path] = []

        if kind.cut_short == "it was cut short":

            def open_short() -> None:
                changed(kind, file, tmp_path, lambda path: os.truncate(path, end - 2))

            with pytest.raises(StoreError, match=f": {kind.cut_short}; to mend"):
                open_short()
            return
        reader = changed(kind, file, tmp_path, path.append)
        np.testing.assert_array_equal(read(reader, 11), file.clips[11])
        os.truncate(path[0], end - 2)
        with pytest.raises(StoreError, match=f"^{path[0]}: {kind.cut_short}; to mend"):
            read(reader, 11)
        np.testing.assert_array_equal(read(reader, 10), file.clips[10])
        if kind.maps:
            with pytest.raises(StoreError, match=f"^{path[0]}: it was cut short; to mend"):
                reader.clip(10)

    def test_a_flipped_bit_is_found_where_clips_are_checked(self, kind: Kind, file: Stored, tmp_path: Path) -> None:
        reader = changed(kind, file, tmp_path, flip(file, 4))
        if kind.checks:
            with pytest.raises(StoreError, match="clip 4 does not match its checksum; to mend"):
                read(reader, 4)
        elif not file.spec.compression:
            assert not np.array_equal(read(reader, 4).view(np.uint16), file.clips[4].view(np.uint16))
        np.testing.assert_array_equal(read(reader, 5), file.clips[5])

    def test_its_descriptor_is_closed_with_it(self, kind: Kind, file: Stored) -> None:
        def open_now() -> int:
            return sum(os.path.realpath(link) == str(file.path) for link in Path("/proc/self/fd").iterdir())

        before = open_now()
        reader = kind.open(file)
        for number in range(CLIPS):
            read(reader, number)
            reader.clip(number)
            assert open_now() == before + 1
        del reader
        assert open_now() == before


@pytest.mark.parametrize("name", ["zstd", "blosc"])
def test_bytes_that_no_codec_wrote_are_an_error(files: dict[str, Stored], tmp_path: Path, name: str) -> None:
    file = files[name]
    start, count = file.places[4].tolist()

    def overwrite(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[start : start + count] = b"\xff" * count
        path.write_bytes(data)

    reader = changed(KINDS[name], file, tmp_path, overwrite)
    with pytest.raises(StoreError, match="clip 4 cannot be decompressed; to mend"):
        read(reader, 4)


@pytest.mark.parametrize("name", ["plain", "zstd", "hdf5"])
def test_a_store_refuses_rows_that_it_does_not_hold(files: dict[str, Stored], name: str) -> None:
    store = open_store(files[name].store)
    for row in (-1, CLIPS):
        with pytest.raises(StoreError, match=f"no row {row}; there are 12 clips"):
            store.clip(row)
