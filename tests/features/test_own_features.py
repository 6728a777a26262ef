"""Features of users' own: their settings, identity and journeys, and what they may not return."""

import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.extractor import FeatureExtractor
from features.own import OwnPartError
from features.tensors import recorded_recipe
from features.tensors.base import of_length
from features.tensors.own.recipe import OwnRecipe
from pipeline.build.store import array_specs
from pipeline.config.schema import parse
from pipeline.support.errors import InputError

FILE = """
import numpy as np

class Blocks:
    axes = ("statistic", "frame")
    units = "1"
    def __init__(self, samples: int, block: int = 100, scale: float = 1.0):
        self.block, self.scale = block, scale
        self.shape = (2, samples // block)
    def compute(self, samples, sample_rate_hz):
        blocks = samples[: self.shape[1] * self.block].reshape(-1, self.block)
        return self.scale * np.stack([blocks.mean(axis=1), blocks.std(axis=1)])

class Hopping(Blocks):
    def __init__(self, samples: int, sample_rate_hz: int = 4000, hop_length: int = 200, n_fft: int = 400,
                 seconds: float = 0.5):
        super().__init__(samples, hop_length)
        self.given = sample_rate_hz, hop_length, n_fft, seconds

class Channels(Blocks):
    axes = ("statistic", "frame", "scale")
    def __init__(self, samples: int):
        super().__init__(samples)
        self.shape = (*self.shape, 3)
    def compute(self, samples, sample_rate_hz):
        return np.stack([scale * super(Channels, self).compute(samples, 0) for scale in (1, 2, 1e6)], axis=2)

class Numbers:
    shape, axes, units = (2,), ("number",), "1"
    def compute(self, samples, sample_rate_hz):
        return np.array([samples.mean(), sample_rate_hz])

class Samples:
    axes, units = ("sample",), "1"
    def __init__(self, samples: int):
        self.shape = (samples,)
    def compute(self, samples, sample_rate_hz):
        return samples

class Wrong(Numbers):
    def __init__(self, how: str):
        self.how = how
    def compute(self, samples, sample_rate_hz):
        if self.how == "writes":
            samples[:] = 0
        if self.how == "own error":
            raise ValueError("of its own")
        return {"shape": np.zeros(3), "whole": np.zeros(2, int), "list": [0.0, 0.0],
                "nan": np.array([0, np.nan])}.get(self.how, np.zeros(2))

class Shapeless:
    def compute(self, samples, sample_rate_hz): ...

class Nameless(Shapeless):
    shape = (2, 3)

class Unitless(Nameless):
    axes = ("row", "frame")

class Broken(Numbers):
    def __init__(self):
        raise RuntimeError("no such table")

class Lacks:
    shape, axes, units = (2,), ("number",), "1"
"""
SECONDS, RATE_HZ = 0.5, 4000
SAMPLES = 2000


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("mine.py").write_text(FILE)


def recipe(name: str = "Blocks", **settings: Any) -> OwnRecipe:
    section = {"class": f"mine.py:{name}", "sample_rate_hz": RATE_HZ, "seconds": SECONDS} | settings
    parsed = parse({"experiments": {"x": {}}, "recipes": {"mine": section}}, "c").recipes["mine"]
    assert isinstance(parsed, OwnRecipe)
    return parsed


def noise(samples: int = SAMPLES) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(samples).astype(np.float32) / 8


def computed(chosen: OwnRecipe, samples: np.ndarray, variant: str = "original") -> np.ndarray:
    extractor = FeatureExtractor(chosen)
    ((_, tensor),) = extractor.compute(extractor.clip(samples, chosen.sample_rate_hz), b"x", [variant])
    values: np.ndarray = tensor.values
    assert (values.shape, values.dtype) == (chosen.shape, chosen.dtype)
    return values


def by_hand(samples: np.ndarray) -> np.ndarray:
    blocks = samples.reshape(-1, 100)
    return np.stack([blocks.mean(axis=1), blocks.std(axis=1)])


class TestWhatIsDeclared:
    def test_two_axes_are_one_channel_over_time(self) -> None:
        chosen = recipe()
        assert chosen.kind == "own"
        assert chosen.shape == (2, 20, 1)
        assert chosen.dimensions == ("statistic", "frame", "channel")
        assert (chosen.channels, chosen.units) == (("Blocks",), "1")
        assert chosen.spacing == {"frame_seconds": SECONDS / 20}

    def test_three_axes_have_channels(self) -> None:
        chosen = recipe("Channels")
        assert chosen.shape == (2, 20, 3)
        assert chosen.dimensions == ("statistic", "frame", "scale")
        assert chosen.channels == ("0", "1", "2")

    def test_one_axis_has_no_time(self) -> None:
        chosen = recipe("Numbers")
        assert (chosen.shape, chosen.dimensions, chosen.spacing) == ((2,), ("number",), {})
        assert recipe("Samples").dimensions == ("sample",)

    def test_stands_in_the_attributes_of_the_store(self) -> None:
        spec = array_specs(recipe(), 8)[0]
        assert (spec.clip_shape, spec.dimensions) == ((2, 20, 1), ("statistic", "frame", "channel"))
        assert spec.attributes["units"] == "1"
        assert spec.attributes["frame_seconds"] == SECONDS / 20

    def test_a_class_may_have_settings_of_recipes_and_defaults_of_its_own_for_them(self) -> None:
        section = {"class": "mine.py:Hopping"}
        chosen = parse({"experiments": {"x": {}}, "recipes": {"mine": section}}, "c").recipes["mine"]
        assert isinstance(chosen, OwnRecipe)
        assert (chosen.sample_rate_hz, chosen.hop_length, chosen.n_fft, chosen.seconds) == (4000, 200, 400, 0.5)
        assert chosen.feature.given == (4000, 200, 400, 0.5)
        assert chosen.spacing == {"frame_seconds": 0.05}
        assert recipe("Hopping", hop_length=100, n_fft=2048).feature.given == (4000, 100, 2048, 0.5)


class TestWhatIsComputed:
    def test_is_what_the_class_returns(self) -> None:
        np.testing.assert_allclose(computed(recipe(scale=2.0), noise())[..., 0], 2 * by_hand(noise()), rtol=1e-6)
        assert computed(recipe("Numbers"), noise())[1] == RATE_HZ

    def test_starts_from_the_centre_of_longer_recordings_and_from_shorter_ones_reflected(self) -> None:
        long, short = noise(3000), noise(700)
        assert np.array_equal(computed(recipe("Samples"), long), long[500:2500])
        assert np.array_equal(computed(recipe("Samples"), short), of_length(short, SAMPLES))
        assert computed(recipe("Samples"), short)[650:1350].tolist() == short.tolist()

    def test_has_the_augmentations_of_all_recipes(self) -> None:
        chosen = recipe()
        assert chosen.variant_names == ("original", "noise", "shift", "stretch", "pitch", "rolloff")
        tensors = [computed(chosen, noise(), variant).tobytes() for variant in chosen.variant_names]
        assert len(set(tensors)) == 6
        assert tensors == [computed(chosen, noise(), variant).tobytes() for variant in chosen.variant_names]

    def test_is_stored_in_the_type_of_the_recipe_and_stays_finite(self) -> None:
        values = computed(recipe("Channels", dtype="float16"), noise())
        assert np.isfinite(values).all()
        assert values[..., 2].max() == np.finfo(np.float16).max

    def test_has_mean_and_sd_as_its_statistics(self) -> None:
        extractor = FeatureExtractor(recipe())
        ((_, tensor),) = extractor.compute(extractor.clip(noise(), RATE_HZ), b"x", ["original"])
        values = by_hand(noise())
        np.testing.assert_allclose(tensor.statistics, [[values.mean(), values.std()]], rtol=1e-6)


class TestIdentity:
    def test_is_that_of_code_and_settings_and_not_of_the_place(self) -> None:
        first = recipe().identity("original")
        Path("elsewhere").mkdir()
        Path("elsewhere/mine.py").write_text(FILE)
        assert recipe(**{"class": "elsewhere/mine.py:Blocks"}).identity("original") == first
        assert recipe(block=50).identity("original") != first
        assert recipe("Hopping").identity("original") != first
        Path("mine.py").write_text(FILE + "# edited\n")
        assert recipe().identity("original") != first

    def test_a_stated_version_stands_in_place_of_the_code(self) -> None:
        def stated(version: int, remark: str) -> str:
            text = FILE.replace("class Blocks:\n", f"class Blocks:\n    version = {version}\n") + f"# {remark}\n"
            Path("mine.py").write_text(text)
            return recipe().identity("original")

        assert stated(1, "a") == stated(1, "b")
        assert stated(1, "a") != stated(2, "a")

    def test_it_is_recorded_and_travels(self) -> None:
        chosen = recipe(block=50, variants={"pitch": {"semitones": 1}})
        assert recorded_recipe(json.loads(json.dumps(asdict(chosen)))) == chosen
        assert pickle.loads(pickle.dumps(chosen)) == chosen  # noqa: S301  # written here
        extractor = pickle.loads(pickle.dumps(FeatureExtractor(chosen)))  # noqa: S301
        assert np.array_equal(computed(extractor.recipe, noise()), computed(chosen, noise()))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"blok": 3}, "blok: unknown key; did you mean 'block'?"),
        (
            {"scale": "loud"},
            "scale: input should be a valid number, unable to parse string as a number, got 'loud'",
        ),
        ({"seconds": 0}, "seconds: input should be greater than 0, got 0; see docs/configuration.md"),
        (
            {"class": "mine.py:Block"},
            "class: mine.py: no class Block in it; known there: Blocks, Hopping, Channels",
        ),
        ({"class": "none.py:Block"}, "class: none.py: no such file; its path is relative to where the command runs"),
        ({"class": "mine.py:Lacks"}, "class: mine.py:Lacks: expected the method compute, found none"),
        (
            {"class": "mine.py:Shapeless"},
            "class: mine.py:Shapeless: expected the attribute shape to be that of a clip, as in (12, 431), got None",
        ),
        (
            {"class": "mine.py:Nameless"},
            'class: mine.py:Nameless: expected the attribute axes to name the 2 axes of the shape, as in ("row",',
        ),
        (
            {"class": "mine.py:Unitless"},
            'class: mine.py:Unitless: expected the attribute units to be a text, as in "dB',
        ),
        ({"class": "mine.py:Broken"}, "class: mine.py:Broken: RuntimeError: no such table"),
        ({"version": "0"}, "version: expected 0, got "),
        ({"kind": "log_mel"}, "kind: input should be 'own', got 'log_mel'; see docs/configuration.md"),
    ],
)
def test_mistakes_are_one_line(section: dict[str, Any], message: str) -> None:
    whole = {"class": "mine.py:Blocks"} | section
    with pytest.raises(InputError) as told:
        parse({"experiments": {"x": {}}, "recipes": {"mine": whole}}, "c.yaml")
    assert str(told.value).startswith(f"c.yaml: recipes.mine.{message}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("shape", r"mine\.py:Wrong: compute: expected floats of the shape \(2,\), got float64 \(3,\)"),
        ("whole", r"mine\.py:Wrong: compute: expected floats of the shape \(2,\), got int64 \(2,\)"),
        ("list", r"mine\.py:Wrong: compute: expected floats of the shape \(2,\), got list"),
        ("nan", r"mine\.py:Wrong: compute: expected finite values, got NaN or infinite ones"),
        ("writes", r"mine\.py:Wrong: compute: expected to leave samples alone; copy them"),
    ],
)
def test_what_it_returns_is_checked(how: str, message: str) -> None:
    with pytest.raises(OwnPartError, match=message):
        computed(recipe("Wrong", how=how), noise())


def test_an_error_of_its_own_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="of its own"):
        computed(recipe("Wrong", how="own error"), noise())


def test_a_recorded_one_of_another_version_is_one_line() -> None:
    described = asdict(recipe())
    Path("mine.py").write_text(FILE + "# edited\n")
    with pytest.raises(OwnPartError, match=r"^version: expected .*: mine\.py:Blocks has changed; put the file of then"):
        recorded_recipe(described)


class TestWhichNetworksReadIt:
    def test_those_of_one_channel_read_two_axes(self) -> None:
        section = {"class": "mine.py:Blocks"}
        config = parse(
            {
                "experiments": {
                    "x": {"recipe": "mine", "model": {"name": "cnn8", "crop": None}},
                    "y": {"recipe": "mine", "model": "linear_probe"},
                },
                "recipes": {"mine": section},
            },
            "c",
        )
        assert config.experiments["x"].recipe == "mine"

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            ("resnet_attention", "reads tensors of kind four_channel, and mine has clips (2, 20, 3) of kind own"),
            ("cnn8", "reads tensors of one channel (rows, frames, 1), and mine has clips (2, 20, 3) of kind own"),
        ],
    )
    def test_others_are_told_at_once(self, model: str, message: str) -> None:
        section = {"class": "mine.py:Channels", "sample_rate_hz": RATE_HZ, "seconds": SECONDS}
        with pytest.raises(InputError) as told:
            parse({"experiments": {"x": {"recipe": "mine", "model": model}}, "recipes": {"mine": section}}, "c")
        assert str(told.value) == (
            f"c: experiments.x.recipe: the model {model} {message}; choose another recipe or another model"
        )
