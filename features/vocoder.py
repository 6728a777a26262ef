"""Phase vocoder on unit phasors."""

import numpy as np


def phase_vocoder(spectrum: np.ndarray, rate: float) -> np.ndarray:
    """Speed a spectrum `(frames, bins)` complex64 up by `rate`: `(ceil(frames / rate), bins)` complex64.

    Flanagan and Golden, 1966, with librosa 0.11's conventions (`phase_vocoder`): output frame k has the magnitude
    interpolated at input frame k·rate, and its phase advances by the phase difference of the two input frames
    around that point. The expected advance of the textbook cancels modulo 2π, and a phase difference is the
    product of one unit phasor with the conjugate of the other, so no angle is ever taken: accumulating the phase
    in float32, as librosa does, is only good to 26 dB.
    """
    frames = len(spectrum)
    magnitude = np.abs(spectrum)
    phasor = np.ones_like(spectrum)
    np.divide(spectrum, magnitude, out=phasor, where=magnitude > 0)
    times = np.arange(0, frames, rate)
    first = times.astype(np.intp)
    fraction = (times - first).astype(np.float32)
    stretched = np.empty((len(times), spectrum.shape[1]), np.complex64)
    silent = np.zeros(spectrum.shape[1], np.float32)
    still = np.ones(spectrum.shape[1], np.complex64)  # the phasor of a frame past the end: angle 0
    running = phasor[0].copy()
    for k, (here, alpha) in enumerate(zip(first, fraction, strict=True)):
        after = here + 1
        level = magnitude[here] * (1 - alpha) + alpha * (magnitude[after] if after < frames else silent)
        np.multiply(running, level, out=stretched[k])
        running *= phasor[here].conj()
        running *= phasor[after] if after < frames else still
        if k % 64 == 63:  # rounding lets the length of a running product drift
            running /= np.abs(running)
    return stretched
