"""Music from the patterns of a genre, for the demos of genres and of background music.

Patterns hold the notes, a voice their sound, so that any instrument can play any genre.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

RATE_HZ = 22050
PARTS = ("kick", "snare", "hat", "bass", "chord", "lead")
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)

Voice = Callable[[float, float], np.ndarray]
"""Function from frequency in Hz and length in s to a note, `(samples,)` float64."""


@dataclass(frozen=True)
class Genre:
    """Patterns of one bar, a character a step: `x` strikes, `.` rests; in `bass` and `lead` a digit is a degree."""

    bpm: tuple[float, float]
    steps_per_beat: int
    scale: tuple[int, ...]
    progression: tuple[int, ...]  # root degree of each bar's chord
    kick: str = "."
    snare: str = "."
    hat: str = "."
    bass: str = "."
    chord: str = "."
    lead: str = "."
    chord_beats: float = 0.9  # length of a chord
    lead_beats: float = 0.4
    attack_s: float = 0.005
    glide: float = 0.0  # depth of the lead's vibrato and slides in semitones
    degrees: tuple[int, ...] = (0, 2, 4)  # of a chord above its root


def perform(
    genre: Genre, seconds: float, bpm: float, root_hz: float, voices: Mapping[str, Voice], rng: np.random.Generator
) -> np.ndarray:
    """Play a genre's patterns from a random bar on, `(samples,)` float64, with voices for bass, chord and lead."""
    levels = dict(zip(PARTS, rng.uniform(0.4, 1.0, 6), strict=True))
    offset = rng.integers(len(genre.lead + genre.chord) * 2)  # of the clip in the music
    step_s = 60 / bpm / genre.steps_per_beat
    beat_s = step_s * genre.steps_per_beat
    steps = max(len(getattr(genre, part)) for part in PARTS)
    clip = np.zeros(round(seconds * RATE_HZ), np.float64)

    def strike(part: str, at_s: float, sound: np.ndarray) -> None:
        start = round((at_s + rng.normal(0, 0.003)) * RATE_HZ) if at_s > 0 else 0
        end = min(len(clip), start + len(sound))
        level = levels[part] * rng.uniform(0.75, 1.0)
        if start < end:
            clip[start:end] += level * sound[: end - start]

    for step in range(round(seconds / step_s) + 1):
        bar, place = divmod(step + int(offset), steps)
        chord_root = genre.progression[bar % len(genre.progression)]
        at_s = step_s * step
        for part in PARTS:
            pattern = getattr(genre, part)
            symbol = pattern[place % len(pattern)]
            if symbol == ".":
                continue
            if part in ("kick", "snare", "hat"):
                strike(part, at_s, _drum(part, rng))
            elif part == "chord":
                for degree in genre.degrees:
                    hz = root_hz * 2 * _ratio(genre.scale, chord_root + degree)
                    strike(part, at_s, 0.4 * voices[part](hz, genre.chord_beats * beat_s))
            else:
                octave, beats = (0.5, 0.8) if part == "bass" else (4, genre.lead_beats)
                hz = root_hz * octave * _ratio(genre.scale, chord_root + int(symbol))
                strike(part, at_s, 0.7 * voices[part](hz, beats * beat_s))
    return clip


def finish(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put a random equaliser and noise on a clip: `(samples,)` float32, peaking below 1."""
    clip = _equalised(clip, rng)
    clip += 10 ** rng.uniform(-3.5, -1.8) * rng.standard_normal(len(clip)) * np.abs(clip).max()
    return (rng.uniform(0.3, 0.9) * clip / np.abs(clip).max()).astype(np.float32)


def _ratio(scale: tuple[int, ...], degree: int) -> float:
    octave, step = divmod(degree, len(scale))
    return float(2 ** (octave + scale[step] / 12))


def tone(
    hz: float, seconds: float, bright: float, attack_s: float, glide: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a note of up to twelve harmonics, which fall with the power `bright`, with soft attack and release."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    semitones = glide * (np.sin(2 * np.pi * 5.5 * t + rng.uniform(0, 6)) * 0.5 - 2 * np.exp(-t / 0.08))
    phase = 2 * np.pi * hz * np.cumsum(2 ** (semitones / 12)) / RATE_HZ
    wave = np.zeros_like(t)
    for harmonic in range(1, min(12, int(RATE_HZ / 2 / hz)) + 1):
        wave += np.sin(harmonic * phase + rng.uniform(0, 6)) / harmonic**bright
    return wave * np.minimum(1, t / attack_s) * np.minimum(1, (seconds - t) / 0.03) * np.exp(-t / max(seconds, 0.2))


def _drum(part: str, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    if part == "kick":
        return 1.5 * np.sin(2 * np.pi * (45 * t + 5 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.09)
    noise = rng.standard_normal(len(t))
    if part == "snare":
        return (0.5 * noise + np.sin(2 * np.pi * 185 * t)) * np.exp(-t / 0.05)
    return np.diff(noise, prepend=0.0) * 0.3 * np.exp(-t / 0.02)


def _equalised(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply a random equaliser: gains of sd 9 dB at sixteen frequencies, interpolated."""
    spectrum = np.fft.rfft(clip)
    octaves = np.log2(np.maximum(np.arange(len(spectrum)) * RATE_HZ / len(clip) / 2, 20))
    gains_db = rng.normal(0, 9, 16)
    curve_db = np.interp(octaves, np.linspace(np.log2(40), np.log2(RATE_HZ / 2), 16), gains_db)
    return np.fft.irfft(spectrum * 10 ** (curve_db / 20), n=len(clip))
