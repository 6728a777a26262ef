"""Embeddings: what a model in ONNX makes of windows, and models that do not fit."""

import json
import pickle
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx_models import SIZE, Levels, export
from torch import Tensor, nn

from features.extractor import FeatureExtractor, extract
from features.own import OwnPartError
from features.tensors import recorded_recipe
from features.tensors.base import of_length
from features.tensors.embedding import EmbeddingRecipe
from pipeline.config.schema import parse
from pipeline.support.errors import InputError

RATE_HZ = 8000
WINDOW = 800
FITTING = {"model": "levels.onnx", "size": SIZE, "sample_rate_hz": RATE_HZ, "window_s": 0.1}


class Pair(Levels):
    """Levels, and a few of them."""

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        levels = super().forward(samples)
        return levels, levels[:, :4]


class Sum(Levels):
    def forward(self, samples: Tensor, other: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(samples + other)


class Steps(nn.Module):
    """A vector for each of a few steps of a window."""

    def forward(self, samples: Tensor) -> Tensor:
        return samples[:, : 2 * SIZE].unflatten(1, (2, SIZE))


class Root(nn.Module):
    def forward(self, samples: Tensor) -> Tensor:
        return torch.sqrt(samples[:, :SIZE] - 2)


class Double(nn.Module):
    def forward(self, samples: Tensor) -> Tensor:
        return 2 * samples[:, :SIZE]


class Channel(Levels):
    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(samples[:, 0])


class Single(Levels):
    def forward(self, samples: Tensor) -> Tensor:
        return super().forward(samples[None])[0]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models."""
    folder = tmp_path_factory.mktemp("models")
    two = torch.zeros(2, WINDOW)
    export(folder / "levels.onnx", Levels(), two)
    export(folder / "one.onnx", Levels(), two[:1], fixed=True)
    export(folder / "five.onnx", Levels(), torch.zeros(5, WINDOW), fixed=True)
    export(folder / "single.onnx", Single(), two[0], fixed=True)
    export(folder / "channel.onnx", Channel(), two[:, None])
    export(folder / "apart.onnx", Levels(), two, apart=True)
    export(folder / "pair.onnx", Pair(), two, names=("levels", "few"))
    export(folder / "sum.onnx", Sum(), two, two)
    export(folder / "steps.onnx", Steps(), two)
    export(folder / "root.onnx", Root(), two)
    export(folder / "double.onnx", Double(), two.double())
    export(folder / "spectrogram.onnx", Levels(), torch.zeros(2, WINDOW))
    spectrogram = onnx.load(folder / "spectrogram.onnx")
    spectrogram.graph.input[0].type.tensor_type.shape.dim.add().dim_value = 64
    spectrogram.graph.input[0].type.tensor_type.shape.dim.add().dim_value = 10
    (folder / "spectrogram.onnx").write_bytes(spectrogram.SerializeToString())
    (folder / "torn.onnx").write_bytes((folder / "levels.onnx").read_bytes()[:500])
    (folder / "empty.onnx").write_bytes(b"")
    return folder


@pytest.fixture(autouse=True)
def _stand_there(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)


def recipe(**settings: Any) -> EmbeddingRecipe:
    parsed = recorded_recipe({"kind": "embedding"} | FITTING | settings)
    assert isinstance(parsed, EmbeddingRecipe)
    return parsed


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ), np.float32)


def embedded(chosen: EmbeddingRecipe, samples: np.ndarray) -> np.ndarray:
    extractor = FeatureExtractor(chosen)
    ((_, tensor),) = extractor.compute(extractor.clip(samples, RATE_HZ), b"", ["original"])
    values: np.ndarray = tensor.values
    assert values.shape == chosen.shape
    np.testing.assert_allclose(tensor.statistics, [[values.mean(), values.std()]], rtol=1e-5)
    return values[:, :, 0].T


def by_torch(windows: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return Levels()(torch.from_numpy(windows)).numpy()  # type: ignore[no-any-return]


def test_each_window_has_the_vector_that_torch_gives() -> None:
    samples = noise(0.25)
    chosen = recipe(windows=4, hop_s=0.05)
    assert (chosen.samples, chosen.shape, chosen.spacing) == (2000, (SIZE, 4, 1), {"frame_seconds": 0.05})
    windows = np.stack([samples[start : start + WINDOW] for start in (0, 400, 800, 1200)])
    np.testing.assert_allclose(embedded(chosen, samples), by_torch(windows), atol=1e-5)


def test_longer_recordings_give_their_centre_and_shorter_ones_are_reflected() -> None:
    long, short = noise(0.5), noise(0.05)
    np.testing.assert_allclose(embedded(recipe(), long), by_torch(long[None, 1600:2400]), atol=1e-5)
    np.testing.assert_allclose(embedded(recipe(), short), by_torch(of_length(short, WINDOW)[None]), atol=1e-5)
    assert of_length(np.arange(4, dtype=np.float32), 8).tolist() == [2, 1, 0, 1, 2, 3, 2, 1]
    assert of_length(np.ones(1, np.float32), 3).tolist() == [1, 1, 1]


@pytest.mark.parametrize("model", ["one", "single", "channel", "apart", "pair"])
def test_models_of_other_forms_give_the_same(model: str) -> None:
    samples = noise(0.3)
    expected = embedded(recipe(windows=3), samples)
    np.testing.assert_allclose(embedded(recipe(model=f"{model}.onnx", windows=3), samples), expected, atol=1e-6)


def test_the_output_can_be_named() -> None:
    assert embedded(recipe(model="pair.onnx", size=4, output="few"), noise(0.1)).shape == (1, 4)


def test_a_file_has_the_bytes_that_a_store_has(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", noise(0.3), RATE_HZ, subtype="FLOAT")
    chosen = recipe(windows=2)
    assert np.array_equal(extract(tmp_path / "a.wav", chosen)[:, :, 0].T, embedded(chosen, noise(0.3)))


def test_it_travels_without_its_model_and_comes_to_the_same() -> None:
    extractor = FeatureExtractor(recipe())
    text = pickle.dumps(extractor)
    assert len(text) < 3000
    again = pickle.loads(text)  # noqa: S301  # written here
    tensors = [one.compute(one.clip(noise(0.1), RATE_HZ), b"", ["original"]) for one in (extractor, again)]
    first, second = (next(iter(each))[1].values for each in tensors)
    assert np.array_equal(first, second)


def test_it_is_described_by_json() -> None:
    chosen = recipe(windows=2, dtype="float16")
    assert recorded_recipe(json.loads(json.dumps(asdict(chosen)))) == chosen


def test_no_augmentation_is_computed_unless_one_is_named() -> None:
    assert recipe().variant_names == ("original",)
    assert "pitch" in recipe(variants={"pitch": {}}).variant_names


class TestIdentity:
    def test_is_that_of_the_files_and_not_of_their_place(self, models: Path, tmp_path: Path) -> None:
        shutil.copy(models / "levels.onnx", tmp_path / "other.onnx")
        here, there = recipe(), recipe(model=str(tmp_path / "other.onnx"))
        assert here.identity("original") == there.identity("original")
        assert here.identity("original") != recipe(model="one.onnx").identity("original")
        assert here.identity("original") != recipe(hop_s=0.1).identity("original")

    def test_covers_weights_beside_the_model(self, models: Path, tmp_path: Path) -> None:
        for name in ("apart.onnx", "apart.onnx.data"):
            shutil.copy(models / name, tmp_path)
        model = str(tmp_path / "apart.onnx")
        before = recipe(model=model).version
        data = bytearray((tmp_path / "apart.onnx.data").read_bytes())
        data[0] ^= 1
        (tmp_path / "apart.onnx.data").write_bytes(data)
        assert recipe(model=model).version != before
        (tmp_path / "apart.onnx.data").unlink()
        with pytest.raises(OwnPartError, match=r"its weights are in apart\.onnx\.data, which is missing; copy"):
            recipe(model=model)

    def test_a_recorded_one_needs_no_file_until_it_computes(self, models: Path, tmp_path: Path) -> None:
        shutil.copy(models / "levels.onnx", tmp_path / "gone.onnx")
        chosen = recipe(model=str(tmp_path / "gone.onnx"))
        (tmp_path / "gone.onnx").unlink()
        assert recorded_recipe(asdict(chosen)) == chosen
        with pytest.raises(OwnPartError, match=r"gone\.onnx: no such file; it has to be there for every worker"):
            FeatureExtractor(chosen)

    def test_another_version_is_refused(self, models: Path, tmp_path: Path) -> None:
        shutil.copy(models / "levels.onnx", tmp_path / "mine.onnx")
        chosen = recipe(model=str(tmp_path / "mine.onnx"))
        shutil.copy(models / "one.onnx", tmp_path / "mine.onnx")
        with pytest.raises(OwnPartError, match=f"expected the version {chosen.version}, got .*: the model has changed"):
            FeatureExtractor(chosen)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 5}, "levels.onnx: output {output}: expected vectors (1, 5), a window each, got (1, 6); change size"),
        (
            {"window_s": 0.2},
            "levels.onnx: input samples: expected windows of 1600 samples (0.2 s at 8000 Hz), it takes 800 (0.1 s at "
            "8000 Hz); change window_s or sample_rate_hz",
        ),
        (
            {"sample_rate_hz": 16000},
            "levels.onnx: input samples: expected windows of 1600 samples (0.1 s at 16000 Hz), ",
        ),
        ({"input": "sound"}, "levels.onnx: input: expected one of samples, got 'sound'"),
        ({"output": "levels"}, "levels.onnx: output: expected one of {output}, got 'levels'"),
        (
            {"model": "pair.onnx", "size": 5},
            "pair.onnx: output: expected the name of one of levels, few; say output: in",
        ),
        (
            {"model": "pair.onnx", "output": "few"},
            "pair.onnx: output few: expected vectors (1, 6), a window each, got (1, 4); change size; or name another "
            "output: levels",
        ),
        (
            {"model": "sum.onnx"},
            "sum.onnx: input: expected the name of one of samples, other; say input: in the recipe",
        ),
        (
            {"model": "sum.onnx", "input": "samples"},
            "sum.onnx: expected a model of samples alone, got the inputs other as well; export it without",
        ),
        (
            {"model": "five.onnx", "windows": 2},
            "five.onnx: input samples: expected a batch of any size, got one of 5",
        ),
        ({"model": "steps.onnx"}, "steps.onnx: output {output}: expected vectors (1, 6), a window each, got (1, "),
        ({"model": "double.onnx"}, "double.onnx: input samples: expected float32 samples, got tensor(double)"),
        ({"model": "spectrogram.onnx"}, "spectrogram.onnx: "),
        ({"model": "torn.onnx"}, "torn.onnx: cannot be loaded: "),
        ({"model": "root.onnx"}, "root.onnx: expected finite vectors, got NaN or infinite ones"),
    ],
)
def test_a_model_that_does_not_fit_is_told_before_the_first_clip(settings: dict[str, Any], message: str) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(settings.get("model", "levels.onnx")) if "{output}" in message else None
    name = session.get_outputs()[0].name if session else ""
    with pytest.raises(OwnPartError) as told:
        embedded(recipe(**settings), noise(0.3))
    assert str(told.value).removeprefix(f"{Path.cwd()}/").startswith(message.format(output=name))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "none.onnx"}, "model: none.onnx: no such file; its path is relative to where the command runs"),
        ({"model": "empty.onnx"}, "model: empty.onnx: expected a model in ONNX, got an empty file"),
        ({"modle": "levels.onnx"}, "modle: unknown key; did you mean 'model'?"),
        (
            {"sample_rate_hz": None},
            "sample_rate_hz: input should be a valid integer, got None; see docs/configuration.md",
        ),
        ({"size": 0}, "size: input should be greater than 0, got 0; see docs/configuration.md"),
        ({"size": None}, "size: input should be a valid integer, got None; see docs/configuration.md"),
    ],
)
def test_mistakes_in_a_configuration_are_one_line(settings: dict[str, Any], message: str) -> None:
    section = {"kind": "embedding"} | FITTING | settings
    with pytest.raises(InputError) as told:
        parse({"experiments": {"x": {"recipe": "mine"}}, "recipes": {"mine": section}}, "c.yaml")
    assert str(told.value) == f"c.yaml: recipes.mine.{message}"


@pytest.mark.parametrize("setting", sorted(FITTING))
def test_what_a_model_expects_has_no_default(setting: str) -> None:
    section = {"kind": "embedding"} | FITTING
    del section[setting]
    with pytest.raises(InputError, match=rf"^c: recipes\.mine\.{setting}: expected a value, got none; add this key$"):
        parse({"experiments": {"x": {"recipe": "mine"}}, "recipes": {"mine": section}}, "c")


def test_an_experiment_on_an_embedding_has_the_linear_probe() -> None:
    section = {"kind": "embedding"} | FITTING
    sections = {"x": {"recipe": "mine"}, "y": {"recipe": "mine", "model": {"name": "cnn8", "crop": None}}, "z": {}}
    config = parse({"experiments": sections, "recipes": {"mine": section}}, "c")
    models = [experiment.model.name for experiment in config.experiments.values()]
    assert models == ["linear_probe", "cnn8", "resnet_attention"]
