"""Stores of sound in Parquet files: the tensors of the same sound in files of its own, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import tone, tree
from encoded import encode
from parquets import in_memory, write_parquet
from stores_of import indexed

from features.tensors.four_channel import Recipe
from pipeline.build import decoder
from pipeline.build.environment import environment
from pipeline.build.replay import replay
from pipeline.build.shards import ChangedError
from pipeline.build.store import Built, build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.base import StoredCorpus
from pipeline.corpus.sources.parquet.settings import ParquetCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.support.executors import TaskRunner
from stores import Store, open_store
from stores.files import read_checked

RATE_HZ = 44100  # which is resampled
RECIPE = Recipe(frames=24, n_mels=32, variants={"stretch": None, "rolloff": None})  # type: ignore[arg-type]
ENDINGS = ("wav", "flac", "mp3", "ogg")


def build(folder: Path, corpus: StoredCorpus, engine: TaskRunner | None = None) -> Built:
    source = source_of(corpus, "corpus")
    clips = indexed(source, folder / "index", max_quarantine=0)
    options: dict[str, Any] = {"name": "x", "clips_per_shard": 4, "engine": engine or TaskRunner()}
    recordings = source.recordings(folder / "index", clips)
    return build_store(folder / "stores" / "x", clips, recordings, RECIPE, **options)


@pytest.fixture
def sounds(tmp_path: Path) -> list[bytes]:
    """Sounds of all formats, one of them for FFmpeg alone."""
    waves = [tone(200 * number, 0.3 + 0.05 * number, number, RATE_HZ) for number in range(1, 12)]
    of_codecs = encode(tmp_path / "x.m4a", waves[0], RATE_HZ).read_bytes()
    return [in_memory(wave, RATE_HZ, ENDINGS[number % 4]) for number, wave in enumerate(waves)] + [of_codecs]


@pytest.fixture
def corpora(tmp_path: Path, sounds: list[bytes]) -> tuple[ParquetCorpus, AudioCorpus]:
    """Two Parquet files, and a folder of the same sounds."""
    classes = ["a", "b"]
    for number, rows in enumerate((range(7), range(7, 12))):
        labels = [row % 2 for row in rows]
        path = tmp_path / "packed" / f"train-0000{number}-of-00002.parquet"
        write_parquet(path, [sounds[row] for row in rows], classes, row_group_size=3, label=labels)
    for row, sound in enumerate(sounds):
        path = tmp_path / "files" / classes[row % 2] / f"{row}.{[*ENDINGS, 'm4a'][4 if row == 11 else row % 4]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound)
    return ParquetCorpus(root=tmp_path / "packed"), AudioCorpus(root=tmp_path / "files")


def tensors(store: Store) -> dict[tuple[str, str, str], bytes]:
    hashes, labels = (store.rows[name].to_pylist() for name in ("content_hash", "label"))
    return {
        (content, label, variant): store.clip(row, variant).tobytes()
        for row, (content, label) in enumerate(zip(hashes, labels, strict=True))
        for variant in RECIPE.variant_names
    }


def test_tensors_are_those_of_files(tmp_path: Path, corpora: tuple[ParquetCorpus, AudioCorpus]) -> None:
    packed, files = (open_store(build(tmp_path / f"of {number}", corpus).path) for number, corpus in enumerate(corpora))
    assert len(packed) == 12
    assert tensors(packed) == tensors(files)


@pytest.mark.parametrize("engine", [TaskRunner("joblib", 2), TaskRunner("threads", 3)])
def test_workers_give_the_same_bytes(
    tmp_path: Path, corpora: tuple[ParquetCorpus, AudioCorpus], engine: TaskRunner
) -> None:
    one, other = build(tmp_path / "one", corpora[0]), build(tmp_path / "other", corpora[0], engine)
    assert tree(one.path) == tree(other.path)


def test_a_long_row_is_held_no_further_than_its_clip(
    tmp_path: Path, corpora: tuple[ParquetCorpus, AudioCorpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = build(tmp_path / "one", corpora[0])
    monkeypatch.setattr(decoder, "LONG", 100)
    assert tree(build(tmp_path / "other", corpora[0]).path) == tree(expected.path)


def test_parts_are_those_of_files(tmp_path: Path, corpora: tuple[ParquetCorpus, AudioCorpus]) -> None:
    in_parts = [corpus.model_copy(update={"segments": 2}) for corpus in corpora]
    packed, files = (
        open_store(build(tmp_path / f"of {number}", corpus).path) for number, corpus in enumerate(in_parts)
    )
    assert len(packed) == 24
    assert tensors(packed) == tensors(files)


def test_shards_name_the_decoder_of_their_rows(tmp_path: Path, sounds: list[bytes]) -> None:
    for name, sound in (("wav", sounds[0]), ("m4a", sounds[-1])):
        write_parquet(tmp_path / name / "a.parquet", [sound])
        built = build(tmp_path / f"of {name}", ParquetCorpus(root=tmp_path / name, label=None))
        assert read_checked(built.path / "manifest.json")["written_with"] == [environment(by_codecs=name == "m4a")]


def test_a_row_that_changed_since_it_was_indexed_is_one_line(
    tmp_path: Path, corpora: tuple[ParquetCorpus, AudioCorpus], sounds: list[bytes]
) -> None:
    corpus = corpora[0]
    source = source_of(corpus, "corpus")
    clips = indexed(source, tmp_path / "index")
    recordings = source.recordings(tmp_path / "index", clips)
    path = corpus.root / "train-00001-of-00002.parquet"
    options: dict[str, Any] = {"name": "x", "clips_per_shard": 4, "engine": TaskRunner()}
    for change in (
        lambda: write_parquet(path, [None, *sounds[8:]]),
        lambda: path.write_bytes(b"PAR1 and no more"),
        path.unlink,
    ):
        change()
        with pytest.raises(ChangedError, match=r"of-00002\.parquet#\d+: this file changed since it was indexed"):
            build_store(tmp_path / "stores" / "x", clips, recordings, RECIPE, **options)


def test_a_row_is_replayed_by_its_name(tmp_path: Path, corpora: tuple[ParquetCorpus, AudioCorpus]) -> None:
    built = build(tmp_path / "one", corpora[0])
    row = corpora[0].root / "train-00000-of-00002.parquet#4"
    replay(row, "original", tmp_path / "out.wav", tmp_path / "one" / "stores")
    samples, rate_hz = soundfile.read(tmp_path / "out.wav")
    assert rate_hz == RECIPE.sample_rate_hz
    assert np.abs(samples).max() > 0.1
    assert open_store(built.path).rows.num_rows == 12
