"""Replay: the sound that `otogura replay` writes is the one that was analysed."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from stores_of import RECIPE, small_store

from features.extractor import FeatureExtractor
from features.sound import Sound
from pipeline.build.replay import replay
from pipeline.support.errors import InputError
from stores import Store
from stores.files import read_checked, write_checked


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("replay"))


@pytest.fixture
def stores(store: Store) -> Path:
    return store.path.parents[1]


def recording(store: Store, row: int) -> Path:
    return store.path.parents[2] / "corpus" / store.rows["id"][row].as_py()


@pytest.mark.parametrize("variant", RECIPE.variant_names)
def test_the_sound_gives_the_stored_tensor(store: Store, stores: Path, tmp_path: Path, variant: str) -> None:
    said = replay(recording(store, 3), variant, tmp_path / "out.wav", stores)
    waveform, rate_hz = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert rate_hz == RECIPE.sample_rate_hz
    engine = FeatureExtractor(RECIPE)
    sound = Sound(waveform, engine.fourier) if variant != "original" else engine.clip(waveform, rate_hz)
    assert engine.assembly(sound).values.tobytes() == store.clip(3, variant).tobytes()
    for column in store.rows.column_names:
        if column.startswith(f"{variant}_"):
            assert f"{store.rows[column][3].as_py():.6g}" in said


def test_nothing_is_overwritten(store: Store, stores: Path, tmp_path: Path) -> None:
    (tmp_path / "out.wav").write_text("mine")
    with pytest.raises(InputError, match=r"out\.wav: exists already"):
        replay(recording(store, 0), "noise", tmp_path / "out.wav", stores)
    assert (tmp_path / "out.wav").read_text() == "mine"


def test_mistakes_are_one_clear_line(store: Store, stores: Path, tmp_path: Path) -> None:
    known, stranger, broken = recording(store, 0), tmp_path / "stranger.wav", tmp_path / "broken.wav"
    soundfile.write(stranger, np.zeros(100), 22050)
    broken.write_text("not sound")
    for arguments, words in [
        ((known, "noise", tmp_path / "out.mp3", stores), "expected a name that ends in .wav"),
        ((tmp_path / "none.wav", "noise", tmp_path / "out.wav", stores), "none.wav: no such file"),
        ((broken, "noise", tmp_path / "out.wav", stores), "broken.wav: cannot be decoded"),
        ((stranger, "noise", tmp_path / "out.wav", stores), "holds it; build one"),
        ((known, "nose", tmp_path / "out.wav", stores), "expected one of the variants .*noise.*, got 'nose'"),
        ((known, "noise", tmp_path / "out.wav", tmp_path), "no store here"),
    ]:
        with pytest.raises(InputError, match=words) as error:
            replay(*arguments)
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out.wav").exists()


def test_a_store_may_be_named_as_it_is_listed(store: Store, tmp_path: Path) -> None:
    replay(recording(store, 1), "shift", tmp_path / "out.wav", store.path)
    with pytest.raises(OSError, match="No such file or directory"):
        replay(recording(store, 1), "shift", tmp_path / "nowhere" / "out.wav", store.path)


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    store = small_store(tmp_path, clips=2)
    next(store.path.glob("tensors.zarr/noise/c.*")).unlink()
    with pytest.raises(InputError, match=r"holds it.*passed over: .*this shard is missing"):
        replay(recording(store, 0), "noise", tmp_path / "out.wav", store.path.parents[1])


def test_a_store_of_another_version_is_not_pretended(tmp_path: Path) -> None:
    store = small_store(tmp_path, clips=2)
    manifest = read_checked(store.path / "manifest.json")
    manifest["identities"]["stretch"] = "0" * 32
    write_checked(store.path / "manifest.json", manifest)
    with pytest.raises(InputError, match="made by another version"):
        replay(recording(store, 0), "stretch", tmp_path / "out.wav", store.path.parents[1])
    del manifest["recipe"]["kind"]
    write_checked(store.path / "manifest.json", manifest)
    with pytest.raises(InputError, match="made by another version"):
        replay(recording(store, 0), "noise", tmp_path / "out.wav", store.path.parents[1])
