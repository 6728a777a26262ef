"""A power cut at any moment leaves the old store, the new one, or one that says that it is not complete."""

import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from corpora import tree, write_corpus
from power_cut import Files, recording, write
from stores_of import indexed

from features.augmentations import Variants
from features.tensors.four_channel import Recipe
from pipeline.build.store import build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.executors import TaskRunner
from stores import open_store
from stores.errors import StoreError
from stores.verify import verify

RECIPE = Recipe(frames=24, n_mels=32, variants=Variants(stretch=None, pitch=None, rolloff=None, shift=None))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of open files are read from /proc")


def building(folder: Path, clips: int) -> Callable[[Path], Path]:
    """A function that builds the store of a corpus of so many clips of each of two classes, below a folder."""
    source = AudioSource(AudioCorpus(root=write_corpus(folder / f"corpus-{clips}", "ab", clips, seconds=0.2)), "corpus")
    index = indexed(source, folder / f"index-{clips}")
    recordings = source.recordings(folder / f"index-{clips}", index)
    options: dict[str, Any] = {"name": "tones", "clips_per_shard": 2, "engine": TaskRunner()}
    return lambda root: build_store(root / "family", index, recordings, RECIPE, **options).path


def outcome(root: Path, states: dict[str, str]) -> str:
    """Open what a power cut left: the name of a whole store, or `incomplete`."""
    try:
        store = open_store(root / "family")
    except StoreError:
        return "incomplete"
    damages = list(verify(store.path))
    assert not damages, damages[0]
    return states[store.identity]


def after_every_event(states: list[Files], events: list[str], known: dict[str, str], folder: Path, again: Any) -> Any:
    """Count the outcomes; from each, the same command comes to the same bytes."""
    counts: Counter[str] = Counter()
    expected = None
    previous: Files | None = None
    for place, files in enumerate(states):
        if files == previous:
            continue
        previous = files
        root = folder / f"{place}"
        write(files, root)
        try:
            counts[outcome(root, known)] += 1
        except AssertionError as error:
            raise AssertionError(f"after event {place}, {events[place]}: {error}") from None
        again(root)
        made = tree(root / "family")
        expected = expected or made
        assert made == expected, f"after event {place}, {events[place]}"
        shutil.rmtree(root)
    return counts


@pytest.mark.parametrize("reading", ["strict", "eager"])
def test_a_power_cut_in_a_first_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: str) -> None:
    build = building(tmp_path, 2)
    root = tmp_path / "stores"
    root.mkdir()
    with recording(root, monkeypatch) as recorder:
        identity = build(root).name
    states = getattr(recorder, reading)
    counts = after_every_event(states, recorder.events, {identity: "new"}, tmp_path, build)
    assert counts["incomplete"] > 10
    assert counts["new"] >= 1
    assert outcome(root, {identity: "new"}) == "new"
    write(states[-1], tmp_path / "last")
    assert tree(tmp_path / "last") == tree(root)  # once the command has ended, all of it is durable


@pytest.mark.parametrize("reading", ["strict", "eager"])
def test_a_power_cut_while_a_store_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: str) -> None:
    before, build = building(tmp_path, 2), building(tmp_path, 3)
    root = tmp_path / "stores"
    old = before(root).name
    with recording(root, monkeypatch) as recorder:
        new = build(root).name
    states = getattr(recorder, reading)
    counts = after_every_event(states, recorder.events, {old: "old", new: "new"}, tmp_path, build)
    assert set(counts) == {"old", "new"}  # the old store is there until the new one is
    assert counts["old"] > 10
