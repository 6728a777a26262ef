"""The waveform itself, filtered, centred and scaled."""

import numpy as np
import scipy.signal

from features.recipe import WaveformRecipe
from features.sound import Sound
from features.tensors.base import Tensor


class Waveform:
    """Makes the tensors of a waveform recipe."""

    def __init__(self, recipe: WaveformRecipe) -> None:
        self.recipe = recipe
        self.sections = None
        if recipe.band_hz is not None:
            self.sections = scipy.signal.butter(
                recipe.filter_order, recipe.band_hz, "bandpass", fs=recipe.sample_rate_hz, output="sos"
            )

    def __call__(self, sound: Sound) -> Tensor:
        """Zero-phase Butterworth band-pass, mean removed, peak 1; then the end of it, or zeros after it.

        In float64. The statistics are the mean that was removed and the peak that was divided by; silence stays.
        """
        signal = np.asarray(sound.samples, np.float64)
        if self.sections is not None:
            edge = 3 * (2 * len(self.sections) + 1)  # scipy's own choice, for signals that are longer than that
            signal = scipy.signal.sosfiltfilt(self.sections, signal, padlen=min(edge, len(signal) - 1))
        mean = signal.mean()
        signal = signal - mean
        peak = np.abs(signal).max()
        values = np.zeros(self.recipe.samples, self.recipe.dtype)
        end = signal[-self.recipe.samples :]
        values[: len(end)] = end / peak if peak > 0 else 0.0
        return Tensor(values, np.array([(mean, peak)]))
