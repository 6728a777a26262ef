"""Near-duplicates are found whatever their files are, and no others."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from planted import CUT_S, SHIFT_S, Planted, write_planted
from stores_of import RECIPE, indexed, small_store

import training.evaluation.leak
from features.augmentations import Variants
from features.tensors import AnyRecipe
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.waveform import WaveformRecipe
from pipeline.build.store import build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.executors import TaskRunner
from stores import Store, open_store
from training.evaluation.fingerprints import Fingerprints, fingerprints
from training.evaluation.leak import comparable, near_duplicates

ORIGINALS = Variants(noise=None, shift=None, stretch=None, pitch=None, rolloff=None)
RECIPES: dict[str, AnyRecipe] = {
    "dense": Recipe(frames=216, variants=ORIGINALS),
    "compact": Recipe(frames=216, layout="compact", variants=ORIGINALS),
    "log_mel": LogMelRecipe(variants=ORIGINALS),  # at twice the rate of the recordings
}
OFFSETS_S = {"ogg": 0.0, "mp3": 0.0, "shifted": SHIFT_S, "cut": -CUT_S}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """40 pairs and 80 others."""
    return write_planted(tmp_path_factory.mktemp("planted") / "corpus")


@pytest.fixture(scope="module")
def built(planted: Planted) -> Callable[[AnyRecipe], Store]:
    source = AudioSource(AudioCorpus(root=planted.root), "corpus")
    clips = indexed(source, planted.root.parent / "index")
    recordings = source.recordings(planted.root.parent / "index", clips)

    def build(recipe: AnyRecipe) -> Store:
        folder = planted.root.parent / "stores" / recipe.identity("original")
        built = build_store(folder, clips, recordings, recipe, name="x", clips_per_shard=64, engine=TaskRunner())
        return open_store(built.path)

    return build


@pytest.mark.parametrize("name", RECIPES)
def test_planted_copies_are_found_and_nothing_else(
    planted: Planted, built: Callable[[AnyRecipe], Store], name: str
) -> None:
    """At least 95 % of the pairs. The contents of all files differ, so none is a duplicate to the index."""
    store = built(RECIPES[name])
    ids = store.rows["id"].to_pylist()
    assert len(set(store.rows["content_hash"].to_pylist())) == len(ids) == 160
    copies = {copy for pairs in planted.pairs.values() for _, copy in pairs}
    sides = np.array([2 if name in copies else number % 2 for number, name in enumerate(ids)])
    prints = fingerprints(store, np.arange(len(store)))
    assert prints is not None
    assert comparable(prints).all()
    found = near_duplicates(prints, sides)
    names = [(ids[first], ids[second]) for first, second in zip(found.first, found.second, strict=True)]
    expected = {pair: done for done, pairs in planted.pairs.items() for pair in pairs}
    assert set(names) <= expected.keys()
    assert len(names) == len(set(names)) >= 0.95 * len(expected)
    assert np.all(np.diff(found.scores) <= 0)
    assert found.scores[-1] >= 0.8
    for pair, offset_s in zip(names, found.offsets_s.tolist(), strict=True):
        assert offset_s == pytest.approx(OFFSETS_S[expected[pair]], abs=0.06)


def test_pairs_on_one_side_do_not_count(planted: Planted, built: Callable[[AnyRecipe], Store]) -> None:
    store = built(RECIPES["log_mel"])
    prints = fingerprints(store, np.arange(len(store)))
    assert prints is not None
    assert not len(near_duplicates(prints, np.zeros(len(store), np.int8)))


def changes(clips: int, seed: int = 0, steps: int = 60) -> np.ndarray:
    """Fingerprints of clips that have nothing in common."""
    return np.random.default_rng(seed).integers(-127, 128, (clips, steps, 32)).astype(np.int8)


def test_the_second_of_a_pair_is_on_the_later_side_and_offsets_are_from_the_first() -> None:
    values = changes(6)
    values[4, 10:] = values[1, :-10]  # half a second later
    values[0, :-4] = values[5, 4:]
    prints = Fingerprints(np.array([3, 5, 8, 11, 20, 21]), values)
    found = near_duplicates(prints, np.array([2, 0, 0, 1, 1, 0]))
    pairs = zip(found.first.tolist(), found.second.tolist(), found.offsets_s.round(2).tolist(), strict=True)
    assert sorted(pairs) == [(5, 20, 0.5), (21, 3, -0.2)]
    assert found.scores == pytest.approx([1, 1])


def test_a_score_is_the_cosine_similarity_of_the_best_two_seconds() -> None:
    values = changes(2)
    values[1, 5:50] = values[0, 5:50]
    noisy = values[0, 8:48].astype(float) + np.random.default_rng(1).normal(0, 60, (40, 32))
    values[1, 8:48] = np.clip(noisy, -127, 127)
    found = near_duplicates(Fingerprints(np.arange(2), values), np.array([0, 2]))
    one, other = values.astype(float)
    cosines = [
        (one[start : start + 40] * other[start : start + 40]).sum()
        / np.sqrt((one[start : start + 40] ** 2).sum() * (other[start : start + 40] ** 2).sum())
        for start in range(21)
    ]
    assert found.scores == pytest.approx([max(cosines)])
    assert not len(near_duplicates(Fingerprints(np.arange(2), values), np.array([0, 2]), threshold=max(cosines) + 1e-6))


def test_even_sound_is_not_compared() -> None:
    values = changes(4)
    values[2:] //= 32  # hardly any change
    values[3] = values[2]
    values[1] = values[0]
    prints = Fingerprints(np.arange(4), values)
    assert comparable(prints).tolist() == [True, True, False, False]
    found = near_duplicates(prints, np.arange(4))
    assert list(zip(found.first, found.second, strict=True)) == [(0, 1)]
    nothing = near_duplicates(Fingerprints(np.arange(2), values[2:]), np.arange(2))
    assert len(nothing) == 0


def test_many_copies_of_one_clip_take_no_more_comparisons_than_there_are_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training.evaluation.leak, "NEIGHBOURS", 3)
    prints = Fingerprints(np.arange(40), np.repeat(changes(1), 40, axis=0))
    found = near_duplicates(prints, np.arange(40))
    assert len(found) == 39 + 38 + 37
    assert np.all(found.second - found.first <= 3)


@pytest.mark.parametrize("recipe", [RECIPE, WaveformRecipe(samples=22050)])
def test_short_clips_and_waveforms_have_no_fingerprints(tmp_path: Path, recipe: AnyRecipe) -> None:
    store = small_store(tmp_path, "ab", 3, recipe)
    assert fingerprints(store, np.arange(6)) is None
