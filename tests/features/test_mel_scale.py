"""Frequencies of mel bands, as librosa has them."""

import librosa
import numpy as np
import pytest

from features.mel import mel_filters
from features.mel_scale import band_centres_hz
from features.recipe import MelRecipe
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe

RECIPES = [Recipe(), LogMelRecipe(), LogMelRecipe(fmin_hz=400.0, n_mels=40), Recipe(fmin_hz=1200.0, mel_scale="htk")]


@pytest.mark.parametrize("recipe", RECIPES)
def test_centres_are_those_of_librosa(recipe: MelRecipe) -> None:
    top_hz = recipe.fmax_hz or recipe.sample_rate_hz / 2
    edges = {"fmin": recipe.fmin_hz, "fmax": top_hz, "htk": recipe.mel_scale == "htk"}
    expected = librosa.mel_frequencies(recipe.n_mels + 2, **edges)[1:-1]
    np.testing.assert_allclose(band_centres_hz(recipe), expected, rtol=1e-12)


def test_filters_are_highest_at_the_centres() -> None:
    recipe = Recipe(n_fft=8192, hop_length=2048, n_mels=40)
    peaks_hz = mel_filters(recipe).argmax(axis=1) * recipe.sample_rate_hz / recipe.n_fft
    np.testing.assert_allclose(peaks_hz, band_centres_hz(recipe), atol=recipe.sample_rate_hz / recipe.n_fft)
