"""The four-channel tensor: 0 log-mel, 1 MFCC, 2 delta, 3 delta-delta, each normalised.

Everything that decides a statistic is float64.
"""

from dataclasses import dataclass
from functools import cache
from math import factorial

import numpy as np

from features.decibels import AMIN, decibels
from features.kernels.delta import correlate
from features.kernels.product import multiply
from features.mel import MelBank, mel_filters
from features.sound import Sound
from features.tensors.base import Tensor, centre, channels_last
from features.tensors.four_channel.recipe import DEGENERATE_SD, Recipe
from features.tensors.four_channel.spline import expanded, spline_matrix

DELTA_WIDTH = 9  # frames of the Savitzky-Golay filter behind librosa's `delta`
MAD_TO_SD = 1.4826  # the median absolute deviation of a normal distribution times this is its sd


@dataclass(frozen=True)
class Normalised:
    """Group of rows, less `location`, over `scale`; zeros where the scale is 0."""

    rows: np.ndarray
    location: float
    scale: float


def dct_matrix(count: int, rows: int) -> np.ndarray:
    """Return the first `count` rows of the orthonormal DCT-II of `rows` values: `(count, rows)` float64."""
    import scipy.fft

    return np.ascontiguousarray(scipy.fft.dct(np.eye(rows), axis=0, norm="ortho")[:count])


@cache
def delta_weights(order: int) -> np.ndarray:
    """Return the weights of the derivative of `order` (1 or 2) in the middle of a window, by least squares."""
    half = DELTA_WIDTH // 2
    offsets = np.arange(-half, half + 1)
    # Polynomials x and x² less its mean are orthogonal to those of lower order, so each is fitted on its own.
    orthogonal = {1: offsets, 2: offsets**2 - np.square(offsets).mean()}[order]
    return factorial(order) * orthogonal / np.square(orthogonal).sum()


def delta(rows: np.ndarray, order: int) -> np.ndarray:
    """Return the Savitzky-Golay derivative of `order` along the frames of `(rows, frames)` (librosa's `delta`).

    A polynomial of that order has a constant derivative of that order, so the interpolated edges are the value
    of the nearest whole window. Fewer frames than a window are continued by their last.
    """
    frames = rows.shape[1]
    if frames < DELTA_WIDTH:
        rows = np.pad(rows, ((0, 0), (0, DELTA_WIDTH - frames)), mode="edge")
    half = DELTA_WIDTH // 2
    inner = np.empty((len(rows), rows.shape[1] - 2 * half))
    correlate(rows, delta_weights(order), inner)
    return np.pad(inner, ((0, 0), (half, half)), mode="edge")[:, :frames]


def by_mean(rows: np.ndarray) -> Normalised:
    """Normalise rows to mean 0 and population standard deviation 1."""
    location = float(rows.mean())
    centred = rows - location
    return _scaled(centred, location, _sd(centred))


def by_median(rows: np.ndarray) -> Normalised:
    """Normalise rows to median 0 by a robust scale.

    The MAD of deltas is often exactly 0, so a tenth of the sd bounds the scale below.
    """
    sd = _sd(rows - rows.mean())
    location = median(rows)
    centred = rows - location
    mad = median(np.abs(centred))
    return _scaled(centred, location, max(MAD_TO_SD * mad, 0.1 * sd) if sd else 0.0)


def median(rows: np.ndarray) -> float:
    """Return the median of all elements, by one partition; `np.median` makes a slower one around both middle ones."""
    values = rows.reshape(-1)
    middle = len(values) // 2
    parted = np.partition(values, middle)
    upper = float(parted[middle])
    return upper if len(values) % 2 else (float(parted[:middle].max()) + upper) / 2


def _sd(centred: np.ndarray) -> float:
    """Return the population standard deviation, or 0 if it is below `DEGENERATE_SD`."""
    sd = float(np.sqrt(np.square(centred).mean()))  # np.vdot is BLAS, whose sums depend on the environment
    return sd if sd >= DEGENERATE_SD else 0.0


def _scaled(centred: np.ndarray, location: float, scale: float) -> Normalised:
    return Normalised(centred / scale if scale else np.zeros_like(centred), location, scale)


class Assembly:
    """Maker of the tensors of a four-channel recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.mel = MelBank(mel_filters(recipe))
        self.dct = dct_matrix(recipe.n_mfcc, recipe.n_mels)
        self.spline = spline_matrix(recipe.n_mfcc, recipe.n_mels).astype(np.float32)

    def __call__(self, sound: Sound) -> Tensor:
        """Return the tensor of a sound.

        Maximum, floor and deltas see all frames; the `frames` in the centre are normalised.
        """
        power = self.mel.power(sound.power(), sound.frames)
        level = decibels(power)
        coefficients = np.empty((self.recipe.n_mfcc, sound.frames))
        multiply(self.dct, level, coefficients)
        level, coefficients, first, second = (
            centre(rows, self.recipe.frames)
            for rows in (level, coefficients, delta(coefficients, 1), delta(coefficients, 2))
        )
        groups = [
            by_mean(level),
            by_mean(coefficients[:1]),
            by_mean(coefficients[1:]),
            by_median(first),
            by_median(second),
        ]
        rows = np.concatenate([group.rows for group in groups], dtype=np.float32)
        statistics = np.array([(group.location, group.scale) for group in groups])
        # The log-mel channel's dB have the clip's own maximum as reference.
        statistics[0, 0] -= 10 * np.log10(max(AMIN, float(power.max())))
        if self.recipe.layout == "compact":
            values = channels_last(rows[np.newaxis], self.recipe.frames, self.recipe.dtype)[..., 0]
            return Tensor(np.ascontiguousarray(values), statistics)
        return Tensor(channels_last(expanded(rows, self.spline), self.recipe.frames, self.recipe.dtype), statistics)
