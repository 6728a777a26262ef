"""Contract of features."""

import json
import pickle
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from features.extractor import extractor_of
from features.recipe import ORIGINAL, SoundRecipe
from features.tensors import AnyRecipe, recorded_recipe
from features.tensors.base import Tensor
from pipeline.check.contract import Check, expect, global_state_kept, milliseconds

CONTENT = b"content"
LENGTHS = (1, 2, 127, 2049)
LEVEL = 0.1


def feature_checks(recipe: AnyRecipe) -> dict[str, Check]:
    """Return the checks of the features of a recipe, by what each says."""
    extractor = extractor_of(recipe)
    rate_hz = recipe.sample_rate_hz if isinstance(recipe, SoundRecipe) else 1
    length = recipe.cut(1 << 40) if isinstance(recipe, SoundRecipe) else slice(0, int(np.prod(recipe.shape)))
    usual = length.stop - length.start

    def noise(seed: int = 0, samples: int = usual) -> np.ndarray:
        return LEVEL * np.random.default_rng(seed).standard_normal(samples, np.float32)

    def computed(samples: np.ndarray) -> Tensor:
        ((_, tensor),) = extractor.compute(extractor.clip(samples, rate_hz), CONTENT, [ORIGINAL])  # type: ignore[arg-type]  # its own clip
        return tensor

    def data(samples: np.ndarray) -> bytes:
        return computed(samples).values.tobytes()

    def sounds() -> Iterator[tuple[str, np.ndarray]]:
        yield "silence", np.zeros(usual, np.float32)
        yield "full scale", np.resize(np.array([1, -1], np.float32), usual)
        if isinstance(recipe, SoundRecipe):
            yield from ((f"{count} samples", noise(samples=count)) for count in LENGTHS)
            yield "twice the length", noise(samples=2 * usual)

    def as_declared() -> str:
        tensor = computed(noise())
        found = tensor.values.shape, str(tensor.values.dtype)
        expect(found == (recipe.shape, recipe.dtype), f"expected {recipe.shape} {recipe.dtype}, got {found}")
        named = len(recipe.dimensions) == len(recipe.shape) and recipe.units
        expect(named, f"expected a name for each axis and a unit, got {recipe.dimensions} in {recipe.units!r}")
        return f"{recipe.shape} {', '.join(recipe.dimensions)}, in {recipe.units}"

    def same_bytes_again() -> None:
        with global_state_kept():
            first = data(noise())
        expect(first == data(noise()), "expected the same bytes again, got others")

    def clips_by_themselves() -> None:
        first = data(noise())
        expect(data(noise(seed=1)) != first, "expected other values for another clip, got the same")
        expect(data(noise()) == first, "expected the same bytes after another clip, got others")

    def finite_for_whatever_sound() -> None:
        for name, samples in sounds():
            values = computed(samples).values
            expect(values.shape == recipe.shape, f"expected {recipe.shape} for {name}, got {values.shape}")
            expect(np.isfinite(values).all(), f"expected finite values for {name}, got others")

    def identity_stays() -> str:
        again = recorded_recipe(json.loads(json.dumps(asdict(recipe))))
        identity = recipe.identity(ORIGINAL)
        expect(
            again.identity(ORIGINAL) == identity, f"expected {identity}, got {again.identity(ORIGINAL)} once recorded"
        )
        return identity

    def travels() -> None:
        other = pickle.loads(pickle.dumps(extractor))  # noqa: S301  # written here
        ((_, tensor),) = other.compute(other.clip(noise(), rate_hz), CONTENT, [ORIGINAL])
        expect(tensor.values.tobytes() == data(noise()), "expected the same bytes in a worker, got others")

    def time_per_clip() -> str:
        seconds = f" for {usual / rate_hz:.3g} s at {rate_hz} Hz" if isinstance(recipe, SoundRecipe) else ""
        return f"{milliseconds(lambda: computed(noise())):.2f} ms{seconds}"

    return {
        "tensors as the recipe declares them": as_declared,
        "the same clip gives the same bytes": same_bytes_again,
        "a clip is the same alone and after another": clips_by_themselves,
        "finite for silence, noise and clips of any length": finite_for_whatever_sound,
        "the identity stays": identity_stays,
        "travels to workers": travels,
        "time per clip": time_per_clip,
    }
