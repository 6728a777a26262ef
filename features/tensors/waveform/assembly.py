"""The waveform itself, filtered, centred and scaled."""

import numpy as np
import scipy.signal

from features.sound import Sound
from features.tensors.base import Tensor
from features.tensors.waveform.recipe import WaveformRecipe

SILENCE = 1e-6  # of the input's peak: the filter's rounding errors are all that is left of a constant


def zero_phase(sections: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Filter `signal` `(samples,)` by second-order `sections` `(n, 6)`, forwards and then backwards.

    This is scipy's `sosfiltfilt`, also for signals shorter than its padding. That one computes the initial states by
    LAPACK, whose last bits depend on the environment.
    """
    edge = min(3 * (2 * len(sections) + 1), len(signal) - 1)  # scipy's own choice, for signals longer than that
    before, after = signal[edge:0:-1], signal[::-1][1 : edge + 1]
    filtered = np.concatenate([2 * signal[0] - before, signal, 2 * signal[-1] - after])
    states = steady_states(sections)
    for _ in range(2):
        filtered = scipy.signal.sosfilt(sections, filtered, zi=states * filtered[0])[0][::-1]
    return filtered[edge : edge + len(signal)]


def steady_states(sections: np.ndarray) -> np.ndarray:
    """Return the states `(n, 2)` of second-order sections in the steady state of a constant 1 (transposed form II)."""
    states = np.empty((len(sections), 2))
    constant = 1.0
    for state, (b0, b1, b2, _, a1, a2) in zip(states, sections, strict=True):
        gain = (b0 + b1 + b2) / (1 + a1 + a2)
        state[:] = constant * (gain - b0), constant * (b2 - a2 * gain)
        constant *= gain
    return states


class Assembly:
    """Maker of the tensors of a waveform recipe."""

    def __init__(self, recipe: WaveformRecipe) -> None:
        self.recipe = recipe
        self.sections = None
        if recipe.band_hz is not None:
            self.sections = scipy.signal.butter(
                recipe.filter_order, recipe.band_hz, "bandpass", fs=recipe.sample_rate_hz, output="sos"
            )

    def __call__(self, sound: Sound) -> Tensor:
        """Return the band-passed sound (zero-phase Butterworth), mean removed, peak 1: its end, or zeros after it.

        All is computed in float64. The statistics are the mean that was removed and the peak that was divided by.
        Silence, and signals that the filter brings `SILENCE` below the peak of its input, become zeros with peak 0.
        """
        signal = np.asarray(sound.samples, np.float64)
        audible = SILENCE * np.abs(signal).max()
        if self.sections is not None:
            signal = zero_phase(self.sections, signal)
        mean = signal.mean()
        signal = signal - mean
        peak = np.abs(signal).max()
        peak = peak if peak > audible else 0.0
        values = np.zeros(self.recipe.samples, self.recipe.dtype)
        if peak:
            end = signal[-self.recipe.samples :]
            values[: len(end)] = end / peak
        return Tensor(values, np.array([(mean, peak)]))
