"""Stores of segments: the tensors of the same sound in files of its own, bit for bit, by any number of workers."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import tone, tree
from encoded import encode

from features.tensors.four_channel import Recipe
from pipeline.build.environment import environment
from pipeline.build.store import Built, build_store
from pipeline.corpus.index import update_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from stores import open_store
from stores.files import read_checked

RATE_HZ = 44100  # which is resampled
RECIPE = Recipe(frames=24, n_mels=32, variants={"stretch": None, "rolloff": None})  # type: ignore[arg-type]


def build(folder: Path, corpus: AudioCorpus, engine: TaskRunner | None = None) -> Built:
    source = AudioSource(corpus, "corpus")
    scan = source.scan(folder / "index", TaskRunner())
    clips = update_index(folder / "index", scan, max_quarantine=0, config_path="corpus").clips
    options: dict[str, Any] = {"name": "x", "clips_per_shard": 4, "engine": engine or TaskRunner()}
    recordings = source.recordings(folder / "index", clips)
    return build_store(folder / "stores" / "x", clips, recordings, RECIPE, **options)


@pytest.fixture
def segments(tmp_path: Path) -> AudioCorpus:
    root = tmp_path / "long"
    root.mkdir()
    rows = ["path,start_s,end_s,label"]
    for number, name in enumerate(("x.flac", "y.mp3", "z.ogg")):
        sound = np.concatenate([tone(300 * (number + 1) * step, 1.5, step, RATE_HZ) for step in range(1, 5)])
        with soundfile.SoundFile(root / name, "w", RATE_HZ, 1) as file:
            for start in range(0, len(sound), 4096):
                file.write(sound[start : start + 4096])
        rows += [f"{name},{start},{start + 1.23456},{'ab'[number % 2]}" for start in (0, 0.7, 3.1, 4.5)]
    (root / "table.csv").write_text("\n".join(rows))
    return AudioCorpus(root=root, table=Path("table.csv"), start_s="start_s", end_s="end_s")


def test_tensors_are_those_of_files_of_their_own(tmp_path: Path, segments: AudioCorpus) -> None:
    in_segments = open_store(build(tmp_path / "one", segments).path)
    source = AudioSource(segments, "corpus")
    for number, recording in enumerate(source.recordings(Path(), in_segments.rows)(range(len(in_segments)))):
        samples, rate_hz = recording.decode()
        (tmp_path / "short" / "a").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "short" / "a" / f"{number}.wav", samples, rate_hz, subtype="FLOAT")
    in_files = open_store(build(tmp_path / "other", AudioCorpus(root=tmp_path / "short")).path)
    hashes = [store.rows["content_hash"].to_pylist() for store in (in_segments, in_files)]
    assert len(in_segments) == 12
    assert sorted(hashes[0]) == sorted(hashes[1])
    for row, content in enumerate(hashes[0]):
        for variant in RECIPE.variant_names:
            other = in_files.clip(hashes[1].index(content), variant)
            np.testing.assert_array_equal(in_segments.clip(row, variant), other)


@pytest.mark.parametrize("engine", [TaskRunner("joblib", 2), TaskRunner("threads", 3)])
def test_workers_give_the_same_bytes(tmp_path: Path, segments: AudioCorpus, engine: TaskRunner) -> None:
    one, other = build(tmp_path / "one", segments), build(tmp_path / "other", segments, engine)
    assert tree(one.path) == tree(other.path)


def test_a_worker_without_the_decoder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "phone" / "a").mkdir(parents=True)
    encode(tmp_path / "phone" / "a" / "x.m4a", tone(300, 1.0), 22050)
    corpus = AudioCorpus(root=tmp_path / "phone")
    built = build(tmp_path / "one", corpus)
    assert read_checked(built.path / "manifest.json")["written_with"] == [environment(True)]
    shutil.rmtree(tmp_path / "one" / "stores")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"x\.m4a: the package av is not installed; to install it: pip install"):
        build(tmp_path / "one", corpus)


def test_a_segment_more_computes_that_one(tmp_path: Path, segments: AudioCorpus) -> None:
    first = build(tmp_path, segments)
    with open(segments.root / "table.csv", "a") as table:
        table.write("\ny.mp3,1,2,b")
    second = build(tmp_path, segments)
    variants = len(RECIPE.variant_names)
    assert (first.computed, second.computed) == (12 * variants, variants)


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    """Indexes and builds segments of recordings of 45 minutes, and each as one clip, in less than one of them takes."""
    script = Path(__file__).with_name("bounded_segments.py")
    result = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "computed 120 tensors"
