"""Mel scales: the frequencies of the bands, without their filters."""

import numpy as np

from features.recipe import MelRecipe

BREAK_HZ, LINEAR_MEL_HZ, LOG_STEP = 1000.0, 200 / 3, np.log(6.4) / 27  # Slaney's scale is linear, then logarithmic


def band_centres_hz(recipe: MelRecipe) -> np.ndarray:
    """Return the centre of each mel band of a recipe in Hz: `(n_mels,)` float64, as librosa places them."""
    top_hz = recipe.sample_rate_hz / 2 if recipe.fmax_hz is None else recipe.fmax_hz
    to_mel, to_hz = (_htk_mel, _htk_hz) if recipe.mel_scale == "htk" else (_slaney_mel, _slaney_hz)
    lowest, highest = to_mel(np.array([recipe.fmin_hz, top_hz]))
    return to_hz(np.linspace(lowest, highest, recipe.n_mels + 2))[1:-1]


def _htk_mel(hz: np.ndarray) -> np.ndarray:
    return 2595 * np.log10(1 + hz / 700)


def _htk_hz(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)


def _slaney_mel(hz: np.ndarray) -> np.ndarray:
    logarithmic = BREAK_HZ / LINEAR_MEL_HZ + np.log(np.maximum(hz, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return np.where(hz < BREAK_HZ, hz / LINEAR_MEL_HZ, logarithmic)


def _slaney_hz(mel: np.ndarray) -> np.ndarray:
    break_mel = BREAK_HZ / LINEAR_MEL_HZ
    return np.where(mel < break_mel, mel * LINEAR_MEL_HZ, BREAK_HZ * np.exp((mel - break_mel) * LOG_STEP))
