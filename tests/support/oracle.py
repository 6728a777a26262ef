"""The definition of the tensors in librosa and scipy alone, in double precision. Imports nothing of otogura."""

import librosa
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

SR, N_FFT, HOP, MELS, MFCC = 22050, 2048, 512, 128, 13


def upsample(rows, count):
    knots = np.linspace(0, 1, len(rows))
    return CubicSpline(knots, rows, bc_type="not-a-knot")(np.linspace(0, 1, count))


def normalise(rows, location, scale, sd):
    return np.zeros_like(rows) if sd < 1e-4 else (rows - location) / scale


def by_mean(rows):
    return normalise(rows, rows.mean(), rows.std(), rows.std())


def by_median(rows):
    location = np.median(rows)
    mad = np.median(np.abs(rows - location))
    return normalise(rows, location, max(1.4826 * mad, 0.1 * rows.std()), rows.std())


def delta(rows, order):
    if rows.shape[1] >= 9:
        return librosa.feature.delta(rows, width=9, order=order)
    padded = np.pad(rows, ((0, 0), (0, 9 - rows.shape[1])), mode="edge")
    return librosa.feature.delta(padded, width=9, order=order)[:, : rows.shape[1]]


def log_mel(waveform):
    """(128, frames) float64 dB against 1 of a waveform at 22 050 Hz."""
    power = np.abs(librosa.stft(np.asarray(waveform, np.float64), n_fft=N_FFT, hop_length=HOP)) ** 2
    filters = librosa.filters.mel(sr=SR, n_fft=N_FFT, n_mels=MELS, dtype=np.float64)
    return librosa.power_to_db(filters @ power, ref=1, amin=1e-10, top_db=80)


def tensor(waveform, frames=1320):
    """(128, frames, 4) float64 of a waveform at 22 050 Hz."""
    y = np.asarray(waveform, dtype=np.float64)
    power = np.abs(librosa.stft(y, n_fft=N_FFT, hop_length=HOP)) ** 2
    filters = librosa.filters.mel(sr=SR, n_fft=N_FFT, n_mels=MELS, dtype=np.float64)
    mel = filters @ power
    log_mel = librosa.power_to_db(mel, ref=np.max, amin=1e-10, top_db=80)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel, ref=1, amin=1e-10, top_db=80), n_mfcc=MFCC)
    channels = [log_mel, mfcc, delta(mfcc, 1), delta(mfcc, 2)]
    count = log_mel.shape[1]
    start = max(0, (count - frames) // 2)
    log_mel, mfcc, first, second = (c[:, start : start + frames] for c in channels)
    normal = [
        by_mean(log_mel),
        upsample(np.concatenate([by_mean(mfcc[:1]), by_mean(mfcc[1:])]), MELS),
        upsample(by_median(first), MELS),
        upsample(by_median(second), MELS),
    ]
    count = log_mel.shape[1]
    left = (frames - count) // 2
    pad = ((0, 0), (left, frames - count - left))
    return np.stack([np.pad(c, pad, mode="reflect") for c in normal], axis=-1)


def stretched(waveform, rate):
    """librosa's time stretch in complex128."""
    return librosa.effects.time_stretch(np.asarray(waveform, np.float64), rate=rate, n_fft=N_FFT, hop_length=HOP)


def pitched(waveform, semitones):
    """librosa's pitch shift in complex128."""
    return librosa.effects.pitch_shift(np.asarray(waveform, np.float64), sr=SR, n_steps=semitones)


def rolled_off(waveform, cutoff_hz, gain):
    y = np.asarray(waveform, dtype=np.float64)
    spectrum = librosa.stft(y, n_fft=N_FFT, hop_length=HOP)
    above = librosa.fft_frequencies(sr=SR, n_fft=N_FFT) > cutoff_hz
    spectrum[above] *= gain
    return librosa.istft(spectrum, n_fft=N_FFT, hop_length=HOP, length=len(y))


def log_mel_htk(waveform):
    """(128, frames) float64 dB of a waveform at 44 100 Hz: HTK mels to 8 kHz without area norm, ref 1, top_db 80."""
    power = np.abs(librosa.stft(np.asarray(waveform, np.float64), n_fft=2048, hop_length=512)) ** 2
    filters = librosa.filters.mel(sr=44100, n_fft=2048, n_mels=128, fmax=8000, htk=True, norm=None, dtype=np.float64)
    return librosa.power_to_db(filters @ power, ref=1, amin=1e-10, top_db=80)


def band_passed(waveform, samples):
    """(samples,) float64 of a waveform at 44 100 Hz: 20-8000 Hz, mean removed, peak 1, its end or zeros after it."""
    sections = butter(4, [20, 8000], "bandpass", fs=44100, output="sos")
    # scipy's own padding, where the signal is as long
    y = sosfiltfilt(sections, np.asarray(waveform, np.float64), padlen=min(27, len(waveform) - 1))
    y = y - y.mean()
    y = (y / np.abs(y).max())[-samples:]
    return np.pad(y, (0, samples - len(y)))
