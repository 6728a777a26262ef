"""Augmentations of users' own: their settings, identity and journeys, and what they may not return."""

import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.draws import generator
from features.extractor import draw_parameters
from features.fourier import Fourier
from features.own import OwnPartError
from features.sound import Clip
from features.tensors import recorded_recipe
from features.tensors.four_channel import Recipe
from pipeline.config.schema import parse
from pipeline.support.errors import InputError

FILE = """
import numpy as np
from features.augmentations.base import Range, uniform

class Gain:
    def __init__(self, factor: Range = (0.5, 2.0), power: int = 1):
        self.factor, self.power = factor, power
    def draw(self, rng):
        return {"factor": uniform(rng, self.factor)}
    def apply(self, clip, parameters, rng):
        return clip.samples * np.float32(parameters["factor"] ** self.power)

class Wrong(Gain):
    def __init__(self, how: str):
        super().__init__()
        self.how = how
    def draw(self, rng):
        return {"list": [1.0], "words": {"a": "b"}, "nan": {"a": np.nan}}.get(self.how, {"a": 1})
    def apply(self, clip, parameters, rng):
        samples = clip.samples
        if self.how == "writes":
            samples[:] = 0
        if self.how == "own error":
            raise ValueError("of its own")
        return {
            "float64": samples * np.float64(1), "nan sample": np.full_like(samples, np.nan), "short": samples[1:],
            "two": samples[:, None], "none": None, "empty": samples[:0],
        }.get(self.how, samples)

class Half(Gain):
    changes_length = True
    def apply(self, clip, parameters, rng):
        return clip.samples[::2]

class Lacks:
    def draw(self, rng): ...
"""


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("mine.py").write_text(FILE)


def recipe(**variants: Any) -> Recipe:
    parsed = recorded_recipe({"kind": "four_channel", "frames": 24, "variants": variants})
    assert isinstance(parsed, Recipe)
    return parsed


def own(name: str = "Gain", **settings: Any) -> dict[str, Any]:
    return {"class": f"mine.py:{name}"} | settings


def clip() -> Clip:
    samples = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    return Clip(samples, Fourier(512, 128), 22050)


def applied(how: str, name: str = "Wrong") -> tuple[dict[str, float], np.ndarray]:
    augmentation = recipe(mine=own(name, how=how) if name == "Wrong" else own(name)).augmentations["mine"]
    rng = generator(b"c", "mine", 0)
    parameters = augmentation.draw(rng)
    return parameters, augmentation.apply(clip(), parameters, rng)


def test_it_stands_behind_the_others_and_draws_and_applies() -> None:
    chosen = recipe(pitch=None, gain=own(factor=[2, 2]))
    assert chosen.variant_names == ("original", "noise", "shift", "stretch", "rolloff", "gain")
    assert draw_parameters(chosen, b"content")["gain"] == {"factor": 2.0}
    source, rng = clip(), generator(b"c", "gain", 0)
    np.testing.assert_array_equal(
        chosen.augmentations["gain"].apply(source, {"factor": 2.0}, rng), source.samples * np.float32(2)
    )
    assert source.samples.flags.writeable


def test_it_travels() -> None:
    chosen = recipe(gain=own(power=2), other=own(factor=1))
    assert recorded_recipe(json.loads(json.dumps(asdict(chosen)))) == chosen
    assert pickle.loads(pickle.dumps(chosen)) == chosen  # noqa: S301  # written here
    config = parse({"experiments": {"x": {}}, "recipes": {"music": {"variants": {"gain": own()}}}}, "c")
    again = type(config).model_validate_json(config.model_dump_json())
    assert again.recipes["music"] == config.recipes["music"]


def test_its_identity_is_that_of_settings_and_code_and_not_of_its_place() -> None:
    Path("again").mkdir()
    Path("again/mine.py").write_text(FILE)
    gain = recipe(gain=own())
    assert recipe(gain={"class": "again/mine.py:Gain"}).identity("gain") == gain.identity("gain")
    assert recipe(gain=own(power=2)).identity("gain") != gain.identity("gain")
    assert recipe(gain=own("Half")).identity("gain") != gain.identity("gain")
    Path("edited.py").write_text(FILE + "# edited\n")
    edited = recipe(gain={"class": "edited.py:Gain"})
    assert edited.identity("gain") != gain.identity("gain")
    for variant in Recipe().variant_names:
        assert edited.identity(variant) == gain.identity(variant) == recipe().identity(variant)


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"gain": own(fctor=1)}, "gain.fctor: unknown key; did you mean 'factor'?"),
        ({"gain": own(factor=[2, 1])}, "gain.factor: the lower end 2 is above the upper end 1, got [2, 1]; see docs"),
        ({"gain": own(power="x")}, "gain.power: input should be a valid integer"),
        ({"gain": own(), "noise": {"snr": 1}}, "noise.snr: unknown key; did you mean 'snr_db'?"),
        ({"gain": {"factor": 1}}, "gain: unknown key; known here: noise, pitch, rolloff, shift, stretch"),
        ({"gain": own("Other")}, "gain.class: mine.py: no class Other in it; known there: Gain, Wrong, Half, Lacks"),
        ({"gain": own("Lacks")}, "gain.class: mine.py:Lacks: expected the methods draw and apply, found no apply"),
        ({"gain": own("Wrong")}, "gain.how: expected a value, got none; add this key"),
        ({"original": own()}, "original: cannot be the name of a variant; letters, digits and _ make one"),
        ({"a b": own()}, "a b: cannot be the name of a variant; letters, digits and _ make one"),
        ({"gain": own(version="0")}, "gain.version: expected 0, got "),
    ],
)
def test_mistakes_are_one_line(variants: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as told:
        parse({"experiments": {"x": {}}, "recipes": {"music": {"variants": variants}}}, "c.yaml")
    assert str(told.value).startswith(f"c.yaml: recipes.music.variants.{message}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("list", "draw: expected finite numbers by their names, got [1.0]"),
        ("words", "draw: expected finite numbers by their names, got {'a': 'b'}"),
        ("nan", "draw: expected finite numbers by their names, got {'a': nan}"),
        ("writes", "apply: expected to leave clip.samples alone; copy them"),
        ("float64", "apply: expected a waveform (samples,) float32, got float64 (1000,) (drawn: {'a': 1.0})"),
        ("two", "apply: expected a waveform (samples,) float32, got float32 (1000, 1) (drawn: {'a': 1.0})"),
        ("none", "apply: expected a waveform (samples,) float32, got NoneType (drawn: {'a': 1.0})"),
        ("nan sample", "apply: expected finite samples, got NaN or infinite ones (drawn: {'a': 1.0})"),
        ("short", "apply: expected 1000 samples, got 999; say changes_length = True in the class if that is meant"),
        ("empty", "apply: expected 1000 samples, got 0; say changes_length = True in the class if that is meant"),
    ],
)
def test_what_it_may_not_return_is_told(how: str, message: str) -> None:
    with pytest.raises(OwnPartError) as told:
        applied(how)
    assert str(told.value).startswith(f"mine.py:Wrong: {message}")


def test_errors_of_its_own_stay_as_they_are() -> None:
    with pytest.raises(ValueError, match=r"^of its own$"):
        applied("own error")


def test_it_may_say_that_it_changes_the_length() -> None:
    assert len(applied("", "Half")[1]) == 500
