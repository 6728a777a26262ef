"""From mel power to the normalised four-channel tensor.

Channels: 0 log-mel, 1 MFCC, 2 delta, 3 delta-delta. Everything that decides a statistic is float64.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.interpolate import CubicSpline

AMIN = 1e-10  # power below which librosa's power_to_db does not look
TOP_DB = 80.0  # dB below the maximum
DELTA_WIDTH = 9  # frames of the Savitzky-Golay filter behind librosa's `delta`
DEGENERATE_SD = 1e-4  # rows that vary less than this carry nothing and become zeros
MAD_TO_SD = 1.4826  # the median absolute deviation of a normal distribution times this is its sd
FLOAT16_MAX = 65504.0

CHANNELS = ("log_mel", "mfcc", "delta", "delta_delta")

# Location and scale of each group of rows that is normalised together, in the order of `Tensor.statistics`.
PAIRS = ("log_mel", "mfcc_0", "mfcc_1_up", "delta", "delta_delta")


@dataclass(frozen=True)
class Tensor:
    """`values` `(rows, frames, 4)` in the store's type; `statistics` `(5, 2)` float64: location, scale per pair."""

    values: np.ndarray
    statistics: np.ndarray


def spline_matrix(knots: int, rows: int) -> np.ndarray:
    """Not-a-knot cubic spline through `knots` values, read at `rows` points: `(rows, knots)` float64."""
    units = CubicSpline(np.linspace(0, 1, knots), np.eye(knots), bc_type="not-a-knot")
    return np.asarray(units(np.linspace(0, 1, rows)))


def decibels(mel_power: np.ndarray) -> np.ndarray:
    """dB of `(n_mels, frames)` power against 1, no lower than 80 dB below the maximum; float64.

    Against the clip's own maximum, as the log-mel channel is defined, every value is lower by one constant,
    which normalisation removes.
    """
    level = 10 * np.log10(np.maximum(mel_power, AMIN, dtype=np.float64))
    return np.maximum(level, level.max() - TOP_DB, out=level)


def mfcc(level_db: np.ndarray, count: int) -> np.ndarray:
    """Orthonormal DCT-II over `(n_mels, frames)` dB: `(count, frames)` float64 (librosa's `mfcc`)."""
    basis = scipy.fft.dct(np.eye(len(level_db)), axis=0, norm="ortho")[:count]
    return basis @ level_db


def delta(rows: np.ndarray, order: int) -> np.ndarray:
    """Savitzky-Golay derivative of `order` 1 or 2 along the frames of `(rows, frames)` (librosa's `delta`).

    A polynomial of that order has a constant derivative of that order, so the interpolated edges are the value
    of the nearest whole window. Fewer frames than a window are continued by their last.
    """
    frames = rows.shape[1]
    if frames < DELTA_WIDTH:
        rows = np.pad(rows, ((0, 0), (0, DELTA_WIDTH - frames)), mode="edge")
    half = DELTA_WIDTH // 2
    offsets = np.arange(-half, half + 1)
    weights = np.linalg.pinv(np.vander(offsets, order + 1, increasing=True))[order] * order  # order! for 1 and 2
    whole = np.zeros((len(rows), rows.shape[1] - 2 * half))
    for weight, start in zip(weights, range(DELTA_WIDTH), strict=True):
        whole += weight * rows[:, start : start + whole.shape[1]]
    return np.pad(whole, ((0, 0), (half, half)), mode="edge")[:, :frames]


def mean_and_sd(rows: np.ndarray) -> tuple[float, float]:
    """Mean and population standard deviation over all elements; a scale of 0 marks a degenerate group."""
    sd = float(rows.std())
    return float(rows.mean()), sd if sd >= DEGENERATE_SD else 0.0


def median_and_mad(rows: np.ndarray) -> tuple[float, float]:
    """Median and a robust scale: the MAD of deltas is often exactly 0, so a tenth of the sd bounds it below."""
    sd = float(rows.std())
    location = float(np.median(rows))
    mad = float(np.median(np.abs(rows - location)))
    return location, max(MAD_TO_SD * mad, 0.1 * sd) if sd >= DEGENERATE_SD else 0.0


def centre(rows: np.ndarray, frames: int) -> np.ndarray:
    """At most `frames` frames from the centre of `(rows, any)`."""
    start = max(0, (rows.shape[1] - frames) // 2)
    return rows[:, start : start + frames]


def reflected(count: int, frames: int) -> np.ndarray | slice:
    """Which of `count` frames stands at each of `frames` places when the clip is reflected on both sides."""
    if count == frames:
        return slice(None)
    left = (frames - count) // 2
    return np.pad(np.arange(count), (left, frames - count - left), mode="reflect")


class Assembly:
    """Turns mel power of any number of frames into the tensor of one recipe."""

    def __init__(self, n_mels: int, n_mfcc: int, frames: int, dtype: str) -> None:
        self.shape = (n_mels, frames, 4)
        self.dtype = np.dtype(dtype)
        self.n_mfcc = n_mfcc
        self.spline = spline_matrix(n_mfcc, n_mels).astype(np.float32)

    def __call__(self, mel_power: np.ndarray) -> Tensor:
        """`(n_mels, frames)` float32 power to a `Tensor`. Maximum, floor and deltas see all frames."""
        frames = self.shape[1]
        level = decibels(mel_power)
        coefficients = mfcc(level, self.n_mfcc)
        channels = [
            centre(rows, frames) for rows in (level, coefficients, delta(coefficients, 1), delta(coefficients, 2))
        ]
        level, coefficients, first, second = channels
        pairs = [
            (level, mean_and_sd(level)),
            (coefficients[:1], mean_and_sd(coefficients[:1])),
            (coefficients[1:], mean_and_sd(coefficients[1:])),
            (first, median_and_mad(first)),
            (second, median_and_mad(second)),
        ]
        rows = [_normalised(group, *pair) for group, pair in pairs]
        rows[1:3] = [np.concatenate(rows[1:3])]
        where = reflected(level.shape[1], frames)
        values = np.empty(self.shape, self.dtype)
        for channel, group in enumerate(rows):
            upsampled = group if channel == 0 else self.spline @ group
            if self.dtype == np.float16:
                np.clip(upsampled, -FLOAT16_MAX, FLOAT16_MAX, out=upsampled)
            values[:, :, channel] = upsampled[:, where]
        statistics = np.array([pair for _, pair in pairs])
        # The log-mel channel's dB have the clip's own maximum as reference.
        statistics[0, 0] -= 10 * np.log10(max(AMIN, float(mel_power.max())))
        return Tensor(values, statistics)


def _normalised(rows: np.ndarray, location: float, scale: float) -> np.ndarray:
    """Float32 rows minus `location`, over `scale`; zeros where the scale is 0."""
    if scale == 0:
        return np.zeros(rows.shape, np.float32)
    return ((rows - location) / scale).astype(np.float32)
