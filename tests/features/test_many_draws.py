"""Draws of many recordings at once are those of one by one, bit for bit."""

from pathlib import Path

import numpy as np
import pytest

from features import extractor
from features.augmentations import AUGMENTATIONS, Augmentation
from features.augmentations.noise import Noise
from features.augmentations.shift import Shift
from features.draws import generator
from features.extractor import draw_many, draw_parameters
from features.many_draws import ManyGenerators, as_numpy_draws, philox
from features.tensors import recorded_recipe
from features.tensors.four_channel import Recipe
from features.tensors.spectrogram import SpectrogramRecipe

RECORDINGS = 100_000
ALL = [*(augmentation() for augmentation in AUGMENTATIONS.values()), Noise(amplitude=(0.001, 0.01)), Shift(wrap=True)]


def contents(count: int, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [rng.bytes(16) for _ in range(count)]


@pytest.mark.parametrize("augmentation", ALL, ids=repr)
def test_a_hundred_thousand_recordings_draw_what_each_of_them_draws(augmentation: Augmentation) -> None:
    recordings = contents(RECORDINGS)
    seed = 2**64 - 1
    many = augmentation.draw(ManyGenerators(recordings, "variant", seed))  # type: ignore[arg-type]
    single = [augmentation.draw(generator(recording, "variant", seed)) for recording in recordings]
    assert many.keys() == single[0].keys()
    for name, values in many.items():
        expected = np.array([drawn[name] for drawn in single])
        assert isinstance(values, np.ndarray)
        assert values.tobytes() == expected.tobytes()


def test_draws_go_on_beyond_the_first_block() -> None:
    recordings = contents(50)
    many = ManyGenerators(recordings, "v", 3)
    single = [generator(recording, "v", 3) for recording in recordings]
    for _ in range(11):
        assert many.uniform(-1.0, 2.0).tolist() == [one.uniform(-1.0, 2.0) for one in single]


def test_philox_gives_the_words_of_numpy() -> None:
    key = 0x0123456789ABCDEF_FEDCBA9876543210
    raw = np.random.Philox(key=key).random_raw(8)
    keys = np.array([[key & (2**64 - 1), key >> 64]], np.uint64)
    assert [word[0] for counter in (1, 2) for word in philox(keys, counter)] == raw.tolist()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_recipe_draws_all_its_variants(monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    assert as_numpy_draws()
    monkeypatch.setattr(extractor, "as_numpy_draws", lambda: at_once)
    recordings = contents(20, 1)
    recipe = Recipe(seed=7)
    many = draw_many(recipe, recordings)
    assert set(many) == set(recipe.augmentations)
    for place, recording in enumerate(recordings):
        for variant, parameters in draw_parameters(recipe, recording).items():
            assert {name: many[variant][name][place] for name in many[variant]} == parameters
    assert draw_many(SpectrogramRecipe(rows=2, frames=3), recordings) == {}


def test_users_own_draw_recording_by_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("mine.py").write_text(
        "class Gain:\n"
        "    def draw(self, rng):\n"
        "        steps = int(rng.integers(1, 4))\n"
        "        return {'steps': steps} | ({'rare': rng.normal()} if steps == 3 else {})\n"
        "    def apply(self, clip, parameters, rng):\n"
        "        return clip.samples\n"
    )
    recipe = recorded_recipe({"kind": "four_channel", "variants": {"gain": {"class": "mine.py:Gain"}}})
    recordings = contents(40, 2)
    drawn = draw_many(recipe, recordings)["gain"]
    expected = [draw_parameters(recipe, recording)["gain"] for recording in recordings]
    assert drawn["steps"].tolist() == [each["steps"] for each in expected]
    assert len({*drawn["steps"]}) == 3
    np.testing.assert_array_equal(drawn["rare"], [each.get("rare", np.nan) for each in expected])
