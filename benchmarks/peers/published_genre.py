"""The way of the published genre system: every variant from the waveform on, librosa's effects as they come, and a
spline object for every frame of every channel.

https://librosa.org/doc/0.11.0/effects.html, https://librosa.org/doc/0.11.0/feature.html,
https://docs.scipy.org/doc/scipy-1.17.1/reference/generated/scipy.interpolate.CubicSpline.html
"""

import librosa
import numpy as np
from scipy.interpolate import CubicSpline

from benchmarks.peers.librosa_vectorised import (
    COEFFICIENTS,
    FRAMES,
    FREQUENCIES_HZ,
    HOP,
    N_FFT,
    RATE_HZ,
    ROWS,
    by_mean,
    by_median,
    shifted,
)


def six_variants(samples, drawn, noise):
    """Compute the variants, as `librosa_vectorised.six_variants` does."""
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / 10 ** (drawn["noise"]["snr_db"] / 10))
    spectrum = librosa.stft(samples, n_fft=N_FFT, hop_length=HOP)
    spectrum[drawn["rolloff"]["cutoff_hz"] < FREQUENCIES_HZ] *= drawn["rolloff"]["gain"]
    waveforms = {
        "original": samples,
        "noise": samples + np.float32(level) * noise(),
        "shift": shifted(samples, round(drawn["shift"]["fraction"] * len(samples))),
        "stretch": librosa.effects.time_stretch(samples, rate=drawn["stretch"]["rate"]),
        "pitch": librosa.effects.pitch_shift(samples, sr=RATE_HZ, n_steps=drawn["pitch"]["semitones"]),
        "rolloff": librosa.istft(spectrum, n_fft=N_FFT, hop_length=HOP, length=len(samples)),
    }
    return {variant: tensor(waveform) for variant, waveform in waveforms.items()}


def tensor(waveform):
    mel = librosa.feature.melspectrogram(y=waveform, sr=RATE_HZ, n_fft=N_FFT, hop_length=HOP, n_mels=ROWS)
    level = librosa.power_to_db(mel, ref=np.max)
    coefficients = librosa.feature.mfcc(y=waveform, sr=RATE_HZ, n_mfcc=COEFFICIENTS)
    first = librosa.feature.delta(coefficients)
    second = librosa.feature.delta(coefficients, order=2)
    start = max(0, (level.shape[1] - FRAMES) // 2)
    level, coefficients, first, second = (
        rows[:, start : start + FRAMES] for rows in (level, coefficients, first, second)
    )
    cepstrum = np.concatenate([by_mean(coefficients[:1]), by_mean(coefficients[1:])])
    channels = [by_mean(level), *(upsampled(rows) for rows in (cepstrum, by_median(first), by_median(second)))]
    left = (FRAMES - level.shape[1]) // 2
    pad = ((0, 0), (left, FRAMES - level.shape[1] - left))
    return np.stack([np.pad(rows, pad, mode="reflect") for rows in channels], axis=-1).astype(np.float16)


def upsampled(rows):
    knots, points = np.linspace(0, 1, len(rows)), np.linspace(0, 1, ROWS)
    columns = np.empty((ROWS, rows.shape[1]))
    for frame in range(rows.shape[1]):
        columns[:, frame] = CubicSpline(knots, rows[:, frame])(points)
    return columns
