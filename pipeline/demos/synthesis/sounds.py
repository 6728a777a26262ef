"""Ten kinds of environment sound, for the demos of environment sounds and of spectrogram tables.

A source has a character of its own; its takes differ in the times of their events. Noise and a random equaliser are on
all of them.
"""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np


def generator(*names: object) -> np.random.Generator:
    """Return a random generator that depends on the names alone."""
    key = blake2b(" ".join(map(str, names)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


def synthesise(
    kind: str, seconds: float, rate_hz: int, source: np.random.Generator, take: np.random.Generator
) -> np.ndarray:
    """Return one take of a source, `(samples,)` float64, peaking below 1."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    sound = KINDS[kind](time_s, rate_hz, source, take)
    sound /= np.sqrt(np.mean(sound**2)) + 1e-12
    noise = _band(take.standard_normal(len(sound)), rate_hz, 50, source.uniform(0.1, 0.45) * rate_hz)
    sound += 10 ** (-source.uniform(3, 20) / 20) * noise / np.sqrt(np.mean(noise**2))
    sound = _equalised(sound, rate_hz, source)
    return take.uniform(0.2, 0.9) * sound / np.abs(sound).max()


def _band(sound: np.ndarray, rate_hz: int, low_hz: float, high_hz: float) -> np.ndarray:
    hz = np.maximum(np.fft.rfftfreq(len(sound), 1 / rate_hz), 1)
    gains = 1 / np.sqrt((1 + (low_hz / hz) ** 4) * (1 + (hz / high_hz) ** 4))
    return np.fft.irfft(np.fft.rfft(sound) * gains, n=len(sound))


def _equalised(sound: np.ndarray, rate_hz: int, source: np.random.Generator) -> np.ndarray:
    """Apply a random equaliser: gains of sd 5 dB at ten frequencies, interpolated."""
    spectrum = np.fft.rfft(sound)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(sound), 1 / rate_hz), 30))
    gains_db = np.interp(octaves, np.linspace(5, np.log2(rate_hz / 2), 10), source.normal(0, 5, 10))
    return np.fft.irfft(spectrum * 10 ** (gains_db / 20), n=len(sound))


def _events(time_s: np.ndarray, per_second: float, take: np.random.Generator) -> np.ndarray:
    """Return random moments in s, at least one."""
    seconds = time_s[-1]
    return np.sort(take.uniform(0, seconds, max(1, take.poisson(per_second * seconds))))


def _placed(time_s: np.ndarray, rate_hz: int, moments_s: np.ndarray, sounds: list[np.ndarray]) -> np.ndarray:
    """Return the sum of sounds, each from its moment on."""
    mix = np.zeros_like(time_s)
    for moment_s, sound in zip(moments_s, sounds, strict=True):
        start = round(moment_s * rate_hz)
        end = min(len(mix), start + len(sound))
        mix[start:end] += sound[: max(0, end - start)]
    return mix


def _ring(rate_hz: int, hz: np.ndarray, decays_s: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return damped modes."""
    t = np.arange(round(6 * decays_s.max() * rate_hz)) / rate_hz
    return (levels[:, None] * np.sin(2 * np.pi * hz[:, None] * t) * np.exp(-t / decays_s[:, None])).sum(axis=0)


def _click(rate_hz: int, hz: float, decay_s: float, take: np.random.Generator) -> np.ndarray:
    """Return a burst of noise around a frequency."""
    t = np.arange(round(6 * decay_s * rate_hz)) / rate_hz
    return take.standard_normal(len(t)) * np.exp(-t / decay_s) * np.sin(2 * np.pi * hz * t + take.uniform(0, 6))


def _rain(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    low_hz, drops, decay_s = source.uniform(400, 1500), source.uniform(30, 90), source.uniform(0.002, 0.006)
    hiss = _band(take.standard_normal(len(time_s)), rate_hz, low_hz, 0.45 * rate_hz)
    moments_s = _events(time_s, drops, take)
    sounds = [take.uniform(1, 6) * _click(rate_hz, take.uniform(1500, 6000), decay_s, take) for _ in moments_s]
    return hiss + _placed(time_s, rate_hz, moments_s, sounds)


def _clock(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    period_s, decay_s = source.uniform(0.2, 0.42), source.uniform(0.003, 0.012)
    hz = source.uniform(1800, 5500, (2, 4))
    moments_s = np.arange(take.uniform(0, period_s), time_s[-1], period_s)
    levels = source.uniform(0.3, 1, 4)
    tones = [_ring(rate_hz, hz[side], np.full(4, decay_s), levels) for side in (0, 1)]
    return _placed(time_s, rate_hz, moments_s, [tones[n % 2] * take.uniform(0.8, 1) for n in range(len(moments_s))])


def _siren(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    low_hz, octaves, period_s = source.uniform(450, 800), source.uniform(0.4, 1.2), source.uniform(0.4, 1.6)
    swing = np.sin(2 * np.pi * (time_s / period_s + take.uniform()))
    phase = 2 * np.pi * np.cumsum(low_hz * 2 ** (octaves * (swing + 1) / 2)) / rate_hz
    return np.sum([np.sin(n * phase) / n ** source.uniform(0.8, 2) for n in range(1, 5)], axis=0)


def _engine(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    base_hz = source.uniform(22, 60) * (1 + 0.04 * np.cumsum(take.standard_normal(len(time_s))) / np.sqrt(rate_hz * 5))
    phase = 2 * np.pi * np.cumsum(base_hz) / rate_hz
    levels = source.uniform(0.2, 1, 24) / np.arange(1, 25) ** source.uniform(0.3, 0.9)
    hum = np.zeros_like(time_s)
    for number, level in enumerate(levels, start=1):
        hum += level * np.sin(number * phase + source.uniform(0, 6))
    puff = _band(take.standard_normal(len(time_s)), rate_hz, 200, source.uniform(1500, 4000)) * (1 + np.sin(phase)) ** 2
    return hum + source.uniform(0.2, 0.8) * puff


def _bell(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    hz = source.uniform(350, 900) * np.array([0.5, 1, 1.19, 1.5, 2, 2.51, 3.01, 4.1])
    decays_s = source.uniform(0.25, 0.6) / np.arange(1, 9) ** 0.4
    moments_s = np.arange(take.uniform(0, 0.25), time_s[-1], source.uniform(0.45, 1.4))
    strikes = [_ring(rate_hz, hz, decays_s, source.uniform(0.3, 1, 8)) for _ in moments_s]
    return _placed(time_s, rate_hz, moments_s, strikes)


def _frog(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    hz, pulses_hz = source.uniform(500, 1500), source.uniform(28, 60)
    length_s, pause_s = source.uniform(0.12, 0.3), source.uniform(0.1, 0.5)
    moments_s = np.arange(take.uniform(0, pause_s), time_s[-1], length_s + pause_s)
    t = np.arange(round(length_s * rate_hz)) / rate_hz
    pulses = np.maximum(0, np.sin(2 * np.pi * pulses_hz * t)) ** 3 * np.sin(np.pi * t / length_s)
    croak = pulses * (np.sin(2 * np.pi * hz * t) + 0.5 * np.sin(2 * np.pi * 2.1 * hz * t))
    return _placed(time_s, rate_hz, moments_s, [croak * take.uniform(0.6, 1) for _ in moments_s])


def _bird(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    hz, octaves, length_s = source.uniform(2200, 4200), source.uniform(-0.8, 0.8), source.uniform(0.04, 0.14)
    moments_s = _events(time_s, source.uniform(3, 7), take)
    t = np.arange(round(length_s * rate_hz)) / rate_hz
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (octaves * t / length_s)) / rate_hz
    return _placed(time_s, rate_hz, moments_s, [np.sin(phase) * np.sin(np.pi * t / length_s)] * len(moments_s))


def _fire(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    moments_s = _events(time_s, source.uniform(8, 18), take)
    cracks = [take.pareto(1.6) * _click(rate_hz, take.uniform(800, 5000), take.uniform(0.001, 0.005), take)
              for _ in moments_s]  # fmt: skip
    rumble = _band(take.standard_normal(len(time_s)), rate_hz, 40, source.uniform(150, 400))
    return _placed(time_s, rate_hz, moments_s, cracks) + source.uniform(0.1, 0.5) * rumble


def _wind(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    wind = np.zeros_like(time_s)
    for low_hz in source.uniform(80, 900, 3):
        gust = 1 + np.sin(2 * np.pi * source.uniform(0.2, 0.9) * time_s + take.uniform(0, 6))
        wind += gust**2 * _band(take.standard_normal(len(time_s)), rate_hz, low_hz, 1.3 * low_hz) / low_hz**0.3
    return wind


def _keyboard(time_s: np.ndarray, rate_hz: int, source: np.random.Generator, take: np.random.Generator) -> np.ndarray:
    hz, decay_s, release_s = source.uniform(1200, 3500), source.uniform(0.006, 0.014), source.uniform(0.06, 0.1)
    pressed_s = _events(time_s, source.uniform(4, 9), take)
    press = [_click(rate_hz, hz * take.uniform(0.9, 1.1), decay_s, take) for _ in pressed_s]
    release = [0.4 * _click(rate_hz, 1.5 * hz, decay_s / 2, take) for _ in pressed_s]
    return _placed(time_s, rate_hz, pressed_s, press) + _placed(time_s, rate_hz, pressed_s + release_s, release)


Kind = Callable[[np.ndarray, int, np.random.Generator, np.random.Generator], np.ndarray]
KINDS: dict[str, Kind] = {
    "bell": _bell,
    "bird": _bird,
    "clock": _clock,
    "engine": _engine,
    "fire": _fire,
    "frog": _frog,
    "keyboard": _keyboard,
    "rain": _rain,
    "siren": _siren,
    "wind": _wind,
}
