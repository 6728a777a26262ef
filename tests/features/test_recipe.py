"""The recipe as identity: what changes it, and what does not."""

import json
from dataclasses import asdict

import pytest
from pydantic import ValidationError

from features.recipe import KERNEL_VERSION, LogMelRecipe, Recipe, WaveformRecipe, recorded_recipe


def identities(recipe: Recipe) -> dict[str, str]:
    return {name: recipe.identity(name) for name in recipe.variant_names}


def changed(**options: object) -> set[str]:
    before, after = identities(Recipe()), identities(Recipe(**options))
    return {name for name in before if before[name] != after.get(name)}


def test_equal_recipes_have_equal_identities() -> None:
    assert identities(Recipe()) == identities(Recipe(sample_rate_hz=22050, variants={"noise": {"snr_db": [15, 30]}}))
    assert len(set(identities(Recipe()).values())) == 6


@pytest.mark.parametrize("options", [{"hop_length": 256}, {"n_mels": 64}, {"frames": 100}, {"dtype": "float32"}])
def test_the_base_changes_every_variant(options: dict[str, object]) -> None:
    assert len(changed(**options)) == 6


def test_an_augmentation_changes_itself_alone() -> None:
    assert changed(variants={"stretch": {"rate": [0.9, 1.1]}}) == {"stretch"}
    assert changed(variants={"shift": {"wrap": True}}) == {"shift"}


def test_the_seed_changes_all_but_the_original() -> None:
    assert changed(seed=1) == {"noise", "shift", "stretch", "pitch", "rolloff"}


def test_a_kind_has_a_kernel_of_its_own() -> None:
    assert (
        Recipe().provenance("original")["kernel"] == LogMelRecipe().provenance("original")["kernel"] == KERNEL_VERSION
    )
    assert WaveformRecipe().provenance("original")["kernel"] == WaveformRecipe.kernel > KERNEL_VERSION


def test_a_variant_can_be_left_out() -> None:
    assert Recipe(variants={"noise": None}).variant_names == ("original", "shift", "stretch", "pitch", "rolloff")


def test_a_single_number_is_a_fixed_value() -> None:
    assert Recipe(variants={"stretch": {"rate": 1.1}}).variants.stretch.rate == (1.1, 1.1)


@pytest.mark.parametrize(
    "options",
    [
        {"n_fft": 2047},
        {"n_fft": 2 * 1009},
        {"hop_length": 0},
        {"hop_length": 4096},
        {"n_mfcc": 3},
        {"n_mfcc": 200},
        {"fmax_hz": 20000},
        {"fmin_hz": 9000, "fmax_hz": 8000},
        {"dtype": "int8"},
        {"seed": -1},
        {"variants": {"stretch": {"rate": [1.1, 0.9]}}},
        {"variants": {"stretch": {"rate": 0}}},
        {"variants": {"stretch": {"rate": [0.001, 1]}}},
        {"variants": {"pitch": {"semitones": [-200, 200]}}},
        {"variants": {"shift": {"fraction": 5}}},
        {"variants": {"stretch": {"rates": 1}}},
        {"variants": {"reverb": {}}},
        {"unknown": 1},
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Recipe(**options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (LogMelRecipe, {"fmax_hz": 30000}),
        (LogMelRecipe, {"mel_scale": "bark"}),
        (LogMelRecipe, {"n_mfcc": 13}),
        (WaveformRecipe, {"band_hz": [8000, 20]}),
        (WaveformRecipe, {"sample_rate_hz": 16000}),  # its band reaches beyond half of that
        (WaveformRecipe, {"frames": 100}),
        (Recipe, {"kind": "log_mel"}),
    ],
)
def test_kinds_have_their_own_rules(kind: type, options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        kind(**options)


@pytest.mark.parametrize("recipe", [Recipe(frames=7), LogMelRecipe(seed=3), WaveformRecipe(band_hz=None)], ids=repr)
def test_a_recorded_recipe_is_the_same(recipe: object) -> None:
    assert recorded_recipe(json.loads(json.dumps(asdict(recipe)))) == recipe
