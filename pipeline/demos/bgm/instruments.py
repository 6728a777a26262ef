"""Four instruments that play the chords and leads of the background-music demo.

An instrument's character is drawn once a track; `bright` is the power with which its harmonics fall.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from pipeline.demos.synthesis.music import RATE_HZ, Voice

HARMONICS = 14


def instrument(name: str, bright: float, rng: np.random.Generator) -> Voice:
    """Return one of `INSTRUMENTS` as a voice that synthesises each note once, like a sampler."""
    return cache(INSTRUMENTS[name](bright, rng))


def _piano(bright: float, rng: np.random.Generator) -> Voice:
    """Return struck strings: stiff, with sharp high harmonics that fade sooner than low ones, and a hammer's thump."""
    stiffness, decay_s, thump = rng.uniform(2e-4, 8e-4), rng.uniform(0.9, 1.5), rng.uniform(0.1, 0.3)

    def note(hz: float, seconds: float) -> np.ndarray:
        t = _time(seconds + 0.1)
        n = _harmonics(hz)
        strings = _ringing(t, n * hz * np.sqrt(1 + stiffness * n**2), n ** -(bright + 0.2), decay_s / (0.7 + 0.3 * n))
        hammer = thump * np.sin(2 * np.pi * 110 * t) * rng.standard_normal(len(t)) * np.exp(-t / 0.015)
        return 1.3 * _held(strings + hammer, attack_s=0.003, release_s=0.1)

    return note


def _synthesiser(bright: float, rng: np.random.Generator) -> Voice:
    """Return a sawtooth with vibrato that swells and stays, through a filter that opens with it."""
    attack_s, vibrato_hz, depth = rng.uniform(0.03, 0.08), rng.uniform(4.5, 6.5), rng.uniform(0.25, 0.45)

    def note(hz: float, seconds: float) -> np.ndarray:
        t = _time(seconds + 0.05)
        semitones = depth * np.sin(2 * np.pi * vibrato_hz * t + rng.uniform(0, 6))
        phase = 2 * np.pi * hz * np.cumsum(2 ** (semitones / 12)) / RATE_HZ
        opening = 1 - np.exp(-t / (2 * attack_s))
        saw = sum(np.sin(n * phase) * opening ** (0.3 * n) * n ** (-0.7 * bright) for n in _harmonics(hz))
        return 0.6 * _held(saw, attack_s, release_s=0.05)

    return note


def _guitar(bright: float, rng: np.random.Generator) -> Voice:
    """Return plucked strings: they fade fast, lack the harmonics with a node at the pick, and begin with its click."""
    point, decay_s, click = rng.uniform(0.12, 0.3), rng.uniform(0.16, 0.28), rng.uniform(0.4, 0.8)

    def note(hz: float, seconds: float) -> np.ndarray:
        t = _time(seconds + 0.1)
        n = _harmonics(hz)
        levels = np.abs(np.sin(np.pi * n * point)) / n ** (0.7 * bright)
        strings = _ringing(t, n * hz, levels, decay_s / (0.9 + 0.1 * n))
        pick = click * np.diff(rng.standard_normal(len(t)), prepend=0.0) * np.exp(-t / 0.004)
        return 1.6 * _held(strings + pick, attack_s=0.001, release_s=0.03)

    return note


def _electric(bright: float, rng: np.random.Generator) -> Voice:
    """Return two strings a little out of tune through an overdriven amplifier, which sustains them."""
    drive, apart, decay_s = rng.uniform(10, 20), rng.uniform(1.003, 1.008), rng.uniform(1.5, 3)

    def note(hz: float, seconds: float) -> np.ndarray:
        t = _time(seconds + 0.03)
        n = np.arange(1, 5)
        strings = _ringing(t, np.r_[n, apart * n] * hz, np.tile(n**-bright, 2), np.full(8, decay_s))
        hum = 0.03 * rng.standard_normal(len(t))
        return 0.6 * _held(np.tanh(drive * (strings + hum)), attack_s=0.004, release_s=0.03)

    return note


def _time(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def _harmonics(hz: float) -> np.ndarray:
    """Return the numbers of the harmonics well below half the sampling rate."""
    return np.arange(1, max(1, min(HARMONICS, int(0.45 * RATE_HZ / hz))) + 1)


def _ringing(t: np.ndarray, hz: np.ndarray, levels: np.ndarray, decays_s: np.ndarray) -> np.ndarray:
    """Return damped partials, `(samples,)`."""
    wave = np.zeros_like(t)
    for partial_hz, level, decay_s in zip(hz, levels, decays_s, strict=True):
        wave += level * np.sin(2 * np.pi * partial_hz * t) * np.exp(-t / decay_s)
    return wave


def _held(wave: np.ndarray, attack_s: float, release_s: float) -> np.ndarray:
    t = _time(len(wave) / RATE_HZ)
    return wave * np.minimum(1, t / attack_s) * np.minimum(1, (len(wave) / RATE_HZ - t) / release_s)


INSTRUMENTS: dict[str, Callable[[float, np.random.Generator], Voice]] = {
    "piano": _piano,
    "synthesiser": _synthesiser,
    "guitar": _guitar,
    "electric": _electric,
}
