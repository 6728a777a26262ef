"""The recipe as identity: what changes it, and what does not."""

import json
import re
from dataclasses import asdict, fields
from typing import Any

import pytest
from pydantic import ValidationError

from features.augmentations import Variants
from features.recipe import KERNEL_VERSION
from features.tensors import recorded_recipe
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.spectrogram import SpectrogramRecipe
from features.tensors.waveform import WaveformRecipe

SOUND = {"sample_rate_hz": 48000, "n_fft": 1024, "hop_length": 256}
MEL = SOUND | {"n_mels": 64, "fmin_hz": 40.0, "fmax_hz": 7000.0, "mel_scale": "htk", "mel_norm": None, "frames": 100}
# Another value for every setting of every kind of recipe that decides the bytes of all variants.
OTHERS: dict[type, dict[str, object]] = {
    Recipe: MEL | {"dtype": "float32", "layout": "compact", "n_mfcc": 20},
    LogMelRecipe: MEL | {"mel_scale": "slaney", "mel_norm": "slaney", "dtype": "float32"},
    WaveformRecipe: SOUND | {"samples": 22050, "band_hz": None, "filter_order": 2, "dtype": "float16"},
    SpectrogramRecipe: {"rows": 10, "frames": 100, "dtype": "float16"},
}
# And for every parameter of every augmentation, which decide the bytes of that variant alone.
PARAMETERS: dict[str, dict[str, object]] = {
    "noise": {"snr_db": [15, 31], "amplitude": 0.005},
    "shift": {"fraction": [-0.1, 0.2], "wrap": True},
    "stretch": {"rate": [0.9, 1.15]},
    "pitch": {"semitones": [-1, 2]},
    "rolloff": {"cutoff_hz": [2000, 7000], "gain": [0.2, 0.5]},
}


def identities(recipe: Any) -> dict[str, str]:
    return {name: recipe.identity(name) for name in recipe.variant_names}


def changed(kind: Any = Recipe, **options: object) -> set[str]:
    before, after = identities(kind()), identities(kind(**options))
    return {name for name in before if before[name] != after.get(name)}


def test_equal_recipes_have_equal_identities() -> None:
    assert identities(Recipe()) == identities(Recipe(sample_rate_hz=22050, variants={"noise": {"snr_db": [15, 30]}}))
    assert len(set(identities(Recipe()).values())) == 1 + len(PARAMETERS)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, others in OTHERS.items() for name in others])
def test_every_setting_changes_every_variant(kind: Any, name: str) -> None:
    assert changed(kind, **{name: OTHERS[kind][name]}) == set(kind().variant_names)


def test_no_setting_was_forgotten_above() -> None:
    for kind, others in OTHERS.items():
        assert {field.name for field in fields(kind)} - {"kind", "seed", "variants"} == set(others)
    for name, parameters in PARAMETERS.items():
        assert {field.name for field in fields(getattr(Variants(), name))} == set(parameters)
    assert {field.name for field in fields(Variants())} == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_augmentation_changes_itself_alone(name: str) -> None:
    for parameter, value in PARAMETERS[name].items():
        assert changed(variants={name: {parameter: value}}) == {name}, parameter


@pytest.mark.parametrize("name", PARAMETERS)
def test_another_version_of_an_augmentation_changes_itself_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identities(Recipe())
    kind = type(getattr(Variants(), name))
    monkeypatch.setattr(kind, "version", kind.version + 1)
    after = identities(Recipe())
    assert {variant for variant in before if before[variant] != after[variant]} == {name}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kernels_change_every_variant(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identities(kind())
    monkeypatch.setattr(kind, "kernel", kind.kernel + 1)
    after = identities(kind())
    assert all(before[variant] != after[variant] for variant in before)


def test_the_seed_changes_all_but_the_original() -> None:
    for kind in (Recipe, LogMelRecipe, WaveformRecipe):
        assert changed(kind, seed=1) == set(PARAMETERS)


def test_a_kind_has_a_kernel_of_its_own() -> None:
    assert (
        Recipe().provenance("original")["kernel"] == LogMelRecipe().provenance("original")["kernel"] == KERNEL_VERSION
    )
    assert WaveformRecipe().provenance("original")["kernel"] == WaveformRecipe.kernel > KERNEL_VERSION


def test_a_variant_can_be_left_out() -> None:
    names = Recipe(variants={"noise": None}).variant_names
    assert names == ("original", *(name for name in PARAMETERS if name != "noise"))


def test_a_single_number_is_a_fixed_value() -> None:
    assert Recipe(variants={"stretch": {"rate": 1.1}}).variants.stretch.rate == (1.1, 1.1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"n_fft": 2047}, "n_fft: .*multiple of 2"),
        ({"n_fft": 2 * 1009}, "n_fft 2018 has a prime factor above 127"),
        ({"hop_length": 0}, "hop_length: .*greater than 0"),
        ({"hop_length": 4096}, "hop_length 4096 is above n_fft 2048"),
        ({"n_mfcc": 3}, "n_mfcc: .*greater than or equal to 4"),
        ({"n_mfcc": 200}, "n_mfcc 200 is above n_mels 128"),
        ({"fmax_hz": 20000}, r"fmin_hz < fmax_hz <= sample_rate_hz / 2, got 0, 20000, 11025"),
        ({"fmin_hz": 9000, "fmax_hz": 8000}, "fmin_hz < fmax_hz <= sample_rate_hz / 2, got 9000, 8000, 11025"),
        ({"dtype": "int8"}, "dtype: .*'float16' or 'float32'"),
        ({"seed": -1}, "seed: .*greater than or equal to 0"),
        ({"variants": {"stretch": {"rate": [1.1, 0.9]}}}, "variants.stretch.rate: .*lower end 1.1 is above the upper"),
        ({"variants": {"stretch": {"rate": 0}}}, "variants.stretch.rate: .*within 0.25 and 4"),
        ({"variants": {"stretch": {"rate": [0.001, 1]}}}, "variants.stretch.rate: .*within 0.25 and 4"),
        ({"variants": {"pitch": {"semitones": [-200, 200]}}}, "variants.pitch.semitones: .*within -24 and 24"),
        ({"variants": {"shift": {"fraction": 5}}}, "variants.shift.fraction: .*within -1 and 1"),
        ({"variants": {"stretch": {"rates": 1}}}, "variants.stretch.rates: Unexpected keyword"),
        ({"variants": {"reverb": {}}}, "variants.reverb: Unexpected keyword"),
        ({"unknown": 1}, "unknown: Unexpected keyword"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(options: dict[str, object], expected: str) -> None:
    assert re.fullmatch(rf".*{expected}.*", refused(Recipe, options))


def refused(kind: Any, options: dict[str, object]) -> str:
    """Return place and message of the only fault that these options have."""
    with pytest.raises(ValidationError) as caught:
        kind(**options)
    (error,) = caught.value.errors()
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        (LogMelRecipe, {"fmax_hz": 30000}, "fmin_hz < fmax_hz <= sample_rate_hz / 2, got 0, 30000, 22050"),
        (LogMelRecipe, {"mel_scale": "bark"}, "mel_scale: .*'slaney' or 'htk'"),
        (LogMelRecipe, {"n_mfcc": 13}, "n_mfcc: Unexpected keyword"),
        (WaveformRecipe, {"band_hz": [8000, 20]}, "band_hz: .*lower end 8000 is above the upper end 20"),
        (WaveformRecipe, {"sample_rate_hz": 16000}, r"band_hz\[1\] < sample_rate_hz / 2, got 20, 8000, 8000"),
        (WaveformRecipe, {"frames": 100}, "frames: Unexpected keyword"),
        (Recipe, {"kind": "log_mel"}, "kind: .*'four_channel'"),
    ],
)
def test_kinds_have_their_own_rules(kind: Any, options: dict[str, object], expected: str) -> None:
    assert re.fullmatch(rf".*{expected}.*", refused(kind, options))


@pytest.mark.parametrize("recipe", [Recipe(frames=7), LogMelRecipe(seed=3), WaveformRecipe(band_hz=None)], ids=repr)
def test_a_recorded_recipe_is_the_same(recipe: object) -> None:
    assert recorded_recipe(json.loads(json.dumps(asdict(recipe)))) == recipe
