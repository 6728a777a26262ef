"""librosa 0.11, each step on whole arrays, the STFT of the original computed once for all variants.

https://librosa.org/doc/0.11.0/generated/librosa.stft.html: its spectra in single precision, as it chooses for float32;
https://librosa.org/doc/0.11.0/generated/librosa.effects.pitch_shift.html: resampling by `soxr_hq`, its default.
"""

import librosa
import numpy as np
from scipy.interpolate import CubicSpline

RATE_HZ, N_FFT, HOP, ROWS, COEFFICIENTS, FRAMES = 22050, 2048, 512, 128, 13, 1320
MEL = librosa.filters.mel(sr=RATE_HZ, n_fft=N_FFT, n_mels=ROWS)
FREQUENCIES_HZ = librosa.fft_frequencies(sr=RATE_HZ, n_fft=N_FFT)


def six_variants(samples, drawn, noise):
    """Tensors `(128, 1320, 4)` float16 by variant of `(samples,)` float32.

    `drawn` holds what each augmentation drew, and `noise()` gives as many standard normal numbers as there are samples.
    """
    spectrum = librosa.stft(samples, n_fft=N_FFT, hop_length=HOP)
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / 10 ** (drawn["noise"]["snr_db"] / 10))
    damped = (
        spectrum
        * np.where(drawn["rolloff"]["cutoff_hz"] < FREQUENCIES_HZ, np.float32(drawn["rolloff"]["gain"]), np.float32(1))[
            :, np.newaxis
        ]
    )
    speed = 2.0 ** (-drawn["pitch"]["semitones"] / 12)
    slower = stretched(spectrum, len(samples), speed)
    pitched = librosa.resample(slower, orig_sr=RATE_HZ / speed, target_sr=RATE_HZ, res_type="soxr_hq")
    waveforms = {
        "noise": samples + np.float32(level) * noise(),
        "shift": shifted(samples, round(drawn["shift"]["fraction"] * len(samples))),
        "stretch": stretched(spectrum, len(samples), drawn["stretch"]["rate"]),
        "pitch": librosa.util.fix_length(pitched, size=len(samples)),
        "rolloff": librosa.istft(damped, n_fft=N_FFT, hop_length=HOP, length=len(samples)),
    }
    tensors = {"original": tensor(np.abs(spectrum) ** 2)}
    for variant, waveform in waveforms.items():
        tensors[variant] = tensor(np.abs(librosa.stft(waveform, n_fft=N_FFT, hop_length=HOP)) ** 2)
    return tensors


def exactly(samples, drawn):
    """Stretch and pitch as waveforms in double precision, which its phase vocoder needs."""
    exact = samples.astype(np.float64)
    return {
        "stretch": librosa.effects.time_stretch(exact, rate=drawn["stretch"]["rate"]),
        "pitch": librosa.effects.pitch_shift(exact, sr=RATE_HZ, n_steps=drawn["pitch"]["semitones"]),
    }


def stretched(spectrum, samples, rate):
    fast = librosa.phase_vocoder(spectrum, rate=rate, hop_length=HOP, n_fft=N_FFT)
    return librosa.istft(fast, n_fft=N_FFT, hop_length=HOP, dtype=np.float32, length=round(samples / rate))


def shifted(samples, later):
    moved = np.roll(samples, later)
    if later >= 0:
        moved[:later] = 0
    else:
        moved[later:] = 0
    return moved


def tensor(power):
    """The normalised four-channel tensor of a power spectrum `(bins, frames)`."""
    level = librosa.power_to_db(MEL @ power, top_db=80)  # another reference would fall out by normalisation
    coefficients = librosa.feature.mfcc(S=level, n_mfcc=COEFFICIENTS)
    first = librosa.feature.delta(coefficients, width=9, order=1)
    second = librosa.feature.delta(coefficients, width=9, order=2)
    start = max(0, (level.shape[1] - FRAMES) // 2)
    level, coefficients, first, second = (
        rows[:, start : start + FRAMES] for rows in (level, coefficients, first, second)
    )
    groups = [
        np.concatenate([by_mean(coefficients[:1]), by_mean(coefficients[1:])]),
        by_median(first),
        by_median(second),
    ]
    spline = CubicSpline(np.linspace(0, 1, COEFFICIENTS), np.stack(groups, axis=-1), axis=0)
    channels = np.concatenate([by_mean(level)[..., np.newaxis], spline(np.linspace(0, 1, ROWS))], axis=-1)
    left = (FRAMES - level.shape[1]) // 2
    right = FRAMES - level.shape[1] - left
    return np.pad(channels.astype(np.float16), ((0, 0), (left, right), (0, 0)), mode="reflect")


def by_mean(rows):
    return (rows - rows.mean()) / rows.std()


def by_median(rows):
    location = np.median(rows)
    return (rows - location) / max(1.4826 * np.median(np.abs(rows - location)), 0.1 * rows.std())
