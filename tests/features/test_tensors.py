"""One contract for all kinds of tensors, and planes of numbers as they are stored."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx_models import SIZE, Levels, export

import features.tensors
from features.audio import content_hash
from features.extractor import draw_parameters, extractor_of
from features.recipe import SoundRecipe, TensorRecipe
from features.tensors import RECIPES, recorded_recipe
from features.tensors.base import Tensor, centre, channels_last
from features.tensors.embedding import EmbeddingRecipe

# Identity of the original by the default recipe: another one means that every store is built again.
IDENTITIES = {
    "embedding": "10d74e3635a3eaf2021930b84c4e927e",
    "four_channel": "5b619276cb1d28e6205bc2436960f0e0",
    "log_mel": "8cb20970988697ba45a2c30d7eccd6aa",
    "waveform": "07295817636244838c0a23f5ba2df335",
    "spectrogram": "4d1d9710fd5aa9ce454d55404c61de8e",
}


def samples(recipe: TensorRecipe, seed: int) -> np.ndarray:
    """Return a sound of any length, or as many values as a ready-made tensor has."""
    count = 9000 + 4000 * seed if isinstance(recipe, SoundRecipe) else int(np.prod(recipe.shape))
    return (0.1 * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


class Extraction:
    """All tensors of sounds, by one extractor."""

    def __init__(self, recipe: TensorRecipe) -> None:
        self.recipe = recipe
        self.extractor = extractor_of(recipe)

    def tensors(self, seed: int) -> Iterator[tuple[str, Tensor]]:
        source = samples(self.recipe, seed)
        clip = self.extractor.clip(source, 22050)
        return self.extractor.compute(clip, content_hash(source, 22050), self.recipe.variant_names)

    def data(self, seed: int) -> list[bytes]:
        return [tensor.values.tobytes() + tensor.statistics.tobytes() for _, tensor in self.tensors(seed)]


@pytest.fixture(scope="module")
def required(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Settings without a default, by kind."""
    model = tmp_path_factory.mktemp("models") / "levels.onnx"
    export(model, Levels(), torch.zeros(2, 2205))
    return {"embedding": {"model": str(model), "size": SIZE, "sample_rate_hz": 22050, "window_s": 0.1, "windows": 2}}


@pytest.fixture
def recipe(kind: str, required: dict[str, dict[str, Any]]) -> TensorRecipe:
    """The default recipe of a kind."""
    return RECIPES[kind](**required.get(kind, {}))


@pytest.mark.parametrize("kind", RECIPES)
class TestContract:
    def test_it_is_named_as_its_folder(self, kind: str, recipe: TensorRecipe) -> None:
        (folder,) = features.tensors.__path__
        assert recipe.kind == kind
        assert {file.name for file in Path(folder, kind).glob("*.py")} >= {"recipe.py", "assembly.py"}

    def test_tensors_are_as_the_recipe_says(self, recipe: TensorRecipe) -> None:
        variants = []
        for variant, tensor in Extraction(recipe).tensors(1):
            variants.append(variant)
            assert tensor.values.shape == recipe.shape
            assert tensor.values.dtype == recipe.dtype
            assert np.isfinite(tensor.values).all()
            assert tensor.statistics.shape == (len(recipe.statistics), 2)
            assert tensor.statistics.dtype == np.float64
        assert tuple(variants) == recipe.variant_names
        assert len(recipe.dimensions) == len(recipe.shape)
        assert recipe.channels
        assert recipe.units

    def test_a_clip_is_the_same_alone_and_after_another(self, recipe: TensorRecipe) -> None:
        extraction = Extraction(recipe)
        first, second = extraction.data(0), extraction.data(2)
        assert first != second
        assert extraction.data(0) == first
        assert Extraction(recipe).data(2) == second

    def test_a_recorded_recipe_is_the_same(self, recipe: TensorRecipe) -> None:
        assert recorded_recipe(json.loads(json.dumps(asdict(recipe)))) == recipe

    def test_its_identity_stays(self, kind: str, recipe: TensorRecipe) -> None:
        if isinstance(recipe, EmbeddingRecipe):
            recipe = replace(recipe, version="that of some model")
        assert recipe.identity("original") == IDENTITIES.get(kind)
        assert draw_parameters(recipe, b"x" * 16).keys() == set(recipe.variant_names) - {"original"}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_numbers_beyond_the_type_become_its_largest(channels: int, dtype: str) -> None:
    """Also for the channel counts that the compiled kernel does not know."""
    planes = np.zeros((channels, 2, 3), np.float32)
    planes[:, 0, 0], planes[:, 1, 2] = 1e6, -1e38
    values = channels_last(planes, 3, dtype)
    assert values.dtype == dtype
    assert values.shape == (2, 3, channels)
    largest = {"float16": 65504.0, "float32": 1e38}[dtype]
    assert np.isfinite(values).all()
    assert values[0, 0].tolist() == pytest.approx([min(1e6, largest)] * channels)
    assert values[1, 2].tolist() == pytest.approx([-largest] * channels)


@pytest.mark.parametrize(("count", "frames"), [(3, 3), (3, 8), (1, 4), (2, 9)])
@pytest.mark.parametrize("channels", [1, 4])
def test_short_clips_are_reflected_on_both_sides(count: int, frames: int, channels: int) -> None:
    planes = np.arange(channels * 2 * count, dtype=np.float32).reshape(channels, 2, count)
    left = (frames - count) // 2
    expected = np.pad(planes, [(0, 0), (0, 0), (left, frames - count - left)], mode="reflect").transpose(1, 2, 0)
    np.testing.assert_array_equal(channels_last(planes, frames, "float32"), expected)


def test_the_centre_of_longer_rows() -> None:
    assert centre(np.arange(7)[np.newaxis], 4).tolist() == [[1, 2, 3, 4]]
    assert centre(np.arange(3)[np.newaxis], 4).tolist() == [[0, 1, 2]]
