"""Fingerprints of clips: how their mel bands change, coarse in time and frequency, from the tensors of a store."""

from dataclasses import dataclass

import numpy as np

from features.recipe import MelRecipe
from features.tensors import recorded_recipe
from features.tensors.log_mel import LogMelRecipe
from stores.reader import Store

STEP_S = 0.05
BANDS = 32
NARROW_S, WIDE_S = 0.05, 0.2  # standard deviations of the two Gaussians whose difference is taken over time
FLOOR_DB = 50.0  # below the loudest value of a clip; encoders change what is softer
SOFT_DB = 1.0  # a change of so much counts half
LEAST_STEPS = 20  # of a clip that can be told from others


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of some clips, all equally long.

    Attributes
    ----------
    rows : array of int64, shape (clips,)
        Rows of the store.
    values : array of int8, shape (clips, steps, bands)
        Changes in steps of `STEP_S`, from -127 to 127.
    """

    rows: np.ndarray
    values: np.ndarray


class Fingerprinter:
    """Maker of fingerprints from the log-mel of clips.

    A fingerprint is a difference of Gaussians over time of the differences between neighbouring bands in dB. So neither
    a gain nor a filter changes it, and where frames begin matters little. Haitsma and Kalker (2002) keep the sign of
    such differences; here a change of `x` dB counts `x / (|x| + SOFT_DB)`, since the sign of what hardly changes is
    that of the noise. One of 30 s has 19 kB.

    Parameters
    ----------
    recipe : MelRecipe
    """

    def __init__(self, recipe: MelRecipe) -> None:
        self._over_time = _time_weights(recipe.frames, recipe.spacing["frame_seconds"])
        self._over_bands = _band_weights(recipe.n_mels)
        self.shape = (self._over_time.shape[1], len(self._over_bands))

    def __call__(self, level_db: np.ndarray) -> np.ndarray:
        """Return the fingerprint `(steps, bands)` int8 of a log-mel `(n_mels, frames)` float32 in dB."""
        audible_db = np.maximum(level_db, level_db.max() - FLOOR_DB)
        change_db = (self._over_bands @ audible_db @ self._over_time).T
        return np.rint(127 * change_db / (np.abs(change_db) + SOFT_DB)).astype(np.int8)


def fingerprints(store: Store, rows: np.ndarray) -> Fingerprints | None:
    """Return the fingerprints of the originals of some clips; None where a store cannot give them.

    They need a log-mel channel and a second of sound: tensors of the kinds `four_channel` and `log_mel`, but neither
    waveforms nor ready-made spectrograms. The tensors are read one after the other.
    """
    recipe = recorded_recipe(store.manifest["recipe"])
    if not isinstance(recipe, MelRecipe) or recipe.channels[0] != "log_mel":
        return None
    fingerprint = Fingerprinter(recipe)
    if fingerprint.shape[0] < LEAST_STEPS:
        return None
    # Tensors that are normalised are in units of the clip's own standard deviation.
    scales_db = np.ones(len(store)) if isinstance(recipe, LogMelRecipe) else store.statistics()[:, 0, 1]
    values = np.empty((len(rows), *fingerprint.shape), np.int8)
    for place, row in enumerate(rows.tolist()):
        tensor = store.clip(row)
        level = tensor[..., 0] if tensor.ndim == 3 else tensor[: recipe.n_mels]
        values[place] = fingerprint(level.astype(np.float32) * np.float32(scales_db[row]))
    return Fingerprints(rows, values)


def _band_weights(n_mels: int) -> np.ndarray:
    """Return the weights of the differences between neighbouring bands, `(bands, n_mels)` float32."""
    bands = min(BANDS + 1, n_mels)
    number = np.arange(n_mels) * bands // n_mels
    means = (number == np.arange(bands)[:, None]) / np.bincount(number)[:, None]
    return np.diff(means, axis=0).astype(np.float32)


def _time_weights(frames: int, frame_s: float) -> np.ndarray:
    """Return the weights of the frames in each step, `(frames, steps)` float32."""
    centres_s = (np.arange(round(frames * frame_s / STEP_S)) + 0.5) * STEP_S
    distances_s = (np.arange(frames)[:, None] + 0.5) * frame_s - centres_s

    def smoothing(sd_s: float) -> np.ndarray:
        weights = np.exp(-0.5 * np.square(distances_s / sd_s))
        return np.asarray(weights / weights.sum(axis=0))

    return (smoothing(NARROW_S) - smoothing(WIDE_S)).astype(np.float32)
