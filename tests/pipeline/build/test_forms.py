"""One corpus in all forms in which recordings come: the same sounds, and the same tensors bit for bit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import tone
from parquets import write_parquet
from pydantic import TypeAdapter
from stores_of import indexed

from features.tensors.four_channel import Recipe
from pipeline.build.store import build_store
from pipeline.corpus.sources import AnyCorpus
from pipeline.corpus.sources.base import StoredCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.support.executors import TaskRunner
from stores import open_store

RATE_HZ = 44100  # which is resampled
RECIPE = Recipe(frames=24, n_mels=32, variants={"stretch": None, "rolloff": None})  # type: ignore[arg-type]
LABELS = "abab"
SOUNDS = [tone(300 * number, 0.4 + 0.1 * number, number, RATE_HZ) for number in range(1, 5)]
ENDS = np.cumsum([len(sound) for sound in SOUNDS])
SECONDS = [((end - len(sound)) / RATE_HZ, end / RATE_HZ) for sound, end in zip(SOUNDS, ENDS.tolist(), strict=True)]


def files(root: Path) -> dict[str, Any]:
    for number, (label, sound) in enumerate(zip(LABELS, SOUNDS, strict=True)):
        (root / label).mkdir(parents=True, exist_ok=True)
        soundfile.write(root / label / f"{number}.wav", sound, RATE_HZ)
    return {"source": "audio", "root": root}


def long_file(root: Path) -> None:
    root.mkdir()
    soundfile.write(root / "long.wav", np.concatenate(SOUNDS), RATE_HZ)


def table(root: Path) -> dict[str, Any]:
    long_file(root)
    lines = [f"long.wav,{start},{end},{label}" for (start, end), label in zip(SECONDS, LABELS, strict=True)]
    (root / "table.csv").write_text("\n".join(["path,begin,end,label", *lines]))
    return {"source": "audio", "root": root, "table": "table.csv", "start_s": "begin", "end_s": "end"}


def parquet(root: Path) -> dict[str, Any]:
    files(root / "files")
    sounds = [(root / "files" / label / f"{number}.wav").read_bytes() for number, label in enumerate(LABELS)]
    write_parquet(root / "rows" / "train-00000-of-00001.parquet", sounds, ["a", "b"], label=[0, 1, 0, 1])
    return {"source": "parquet", "root": root / "rows"}


def manifest_of_files(root: Path) -> dict[str, Any]:
    files(root)
    lines = [{"audio_filepath": f"{label}/{number}.wav", "label": label} for number, label in enumerate(LABELS)]
    (root / "all.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return {"source": "manifest", "manifest": root / "all.jsonl"}


def manifest_of_segments(root: Path) -> dict[str, Any]:
    long_file(root)
    lines = [
        {"audio_filepath": "long.wav", "offset": start, "duration": end - start, "label": label}
        for (start, end), label in zip(SECONDS, LABELS, strict=True)
    ]
    (root / "all.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return {"source": "manifest", "manifest": root / "all.jsonl"}


def kaldi(root: Path) -> dict[str, Any]:
    long_file(root)
    (root / "wav.scp").write_text("r long.wav\n")
    (root / "utt2label").write_text("".join(f"u{number} {label}\n" for number, label in enumerate(LABELS)))
    (root / "segments").write_text("".join(f"u{n} r {start} {end}\n" for n, (start, end) in enumerate(SECONDS)))
    return {"source": "kaldi", "root": root}


def tensors(folder: Path, section: dict[str, Any]) -> dict[tuple[str, str, str], tuple[bytes, bytes]]:
    """Return tensor and statistics of each clip by its sound, its label and the variant."""
    corpus: StoredCorpus = TypeAdapter(AnyCorpus).validate_python(section)
    source = source_of(corpus, "corpus")
    clips = indexed(source, folder / "index", max_quarantine=0)
    recordings = source.recordings(folder / "index", clips)
    options: dict[str, Any] = {"name": "x", "clips_per_shard": 3, "engine": TaskRunner()}
    store = open_store(build_store(folder / "stores" / "x", clips, recordings, RECIPE, **options).path)
    names = list(zip(store.rows["content_hash"].to_pylist(), store.rows["label"].to_pylist(), strict=True))
    return {
        (*name, variant): (store.clip(row, variant).tobytes(), store.statistics(variant)[row].tobytes())
        for variant in store.variants
        for row, name in enumerate(names)
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], tuple[bytes, bytes]]:
    folder = tmp_path_factory.mktemp("files")
    return tensors(folder, files(folder / "corpus"))


@pytest.mark.parametrize("form", [table, parquet, manifest_of_files, manifest_of_segments, kaldi])
def test_the_tensors_are_those_of_the_files(
    tmp_path: Path, expected: dict[tuple[str, str, str], tuple[bytes, bytes]], form: Callable[[Path], dict[str, Any]]
) -> None:
    assert len(expected) == len(SOUNDS) * 4  # original, noise, shift and pitch
    assert tensors(tmp_path, form(tmp_path / "corpus")) == expected
