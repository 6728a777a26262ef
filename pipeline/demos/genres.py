"""The demo corpus: ten procedural genres as real WAV and FLAC files in folders, with the faults of real life.

A genre is a tempo, a metre, a harmony and the patterns of its parts; timbre, key, balance and equalisation are
drawn anew for every clip, so that the average spectrum says little about the genre.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from pipeline.corpora import AudioCorpus
from pipeline.demos.sounds import generator
from stores.files import write_json

RATE_HZ = 22050
SECONDS = 5.5
CLIPS_PER_GENRE = 40
VERSION = 1  # raised whenever the sound changes

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
BLUES, FOURTHS = (0, 3, 5, 6, 7, 10, 12), (0, 5, 7, 10, 12, 15, 17)


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


GENRES = {
    "march": Genre((104, 118), 4, MAJOR, (0, 4, 0, 3), kick="x.......x.......", snare="....x.......x.xx",
                   bass="0.......4.......", chord="....x.......x...", chord_beats=0.5),
    "waltz": Genre((150, 172), 2, MAJOR, (0, 3, 4, 0), kick="x.....", hat="..x.x.", bass="0.....",
                   chord="..x.x.", lead="4..2..", chord_beats=0.5, lead_beats=1.4),
    "techno": Genre((124, 136), 4, MINOR, (0,), kick="x...x...x...x...", hat="..x...x...x...x.",
                    bass="..0...0...0...0.", lead="0.0.2.0.0.4.0.2.", lead_beats=0.2),
    "jungle": Genre((160, 174), 4, MINOR, (0, 5), kick="x.x.......x.....", snare="....x..x.x..x..x",
                    hat="x.x.x.x.x.x.x.x.", bass="0.........4.....", chord_beats=0.3),
    "ambient": Genre((50, 64), 2, FOURTHS, (0, 2), chord="x.......", chord_beats=4.4, attack_s=0.8),
    "baroque": Genre((84, 100), 4, MAJOR, (0, 3, 6, 2, 5, 1, 4), bass="0.......",
                     lead="0246420202464202", lead_beats=0.3),
    "reggae": Genre((68, 78), 4, MINOR, (0, 3), kick="........x.......", snare="........x.......",
                    hat="..x...x...x...x.", bass="0..02...4..2....", chord="..x...x...x...x.", chord_beats=0.2),
    "blues": Genre((92, 112), 3, BLUES, (0, 0, 3, 0), kick="x..x..x..x..", hat="x.xx.xx.xx.x", snare="...x.....x..",
                   bass="0..2..4..5..", chord="..x.....x...", lead="..4......2.5", lead_beats=0.7, chord_beats=0.3),
    "funk": Genre((94, 108), 4, BLUES, (0,), kick="x..x..x...x..x..", snare="....x..x.x..x..x",
                  hat="xxxxxxxxxxxxxxxx", bass="0..0.5.0..3.04..", chord="...x..x....x..x.", chord_beats=0.12),
    "chant": Genre((46, 60), 2, MINOR, (0,), lead="0.24.3.2", lead_beats=1.1, attack_s=0.12, glide=0.5),
}  # fmt: skip


def corpus(root: Path) -> AudioCorpus:
    return AudioCorpus(root=root)


def synthesise(genre: str, number: int) -> np.ndarray:
    """Clip `number` of a genre: `(samples,)` float32 at 22 050 Hz, peaking below 1."""
    spec = GENRES[genre]
    rng = generator(VERSION, genre, number)
    step_s = 60 / rng.uniform(*spec.bpm) / spec.steps_per_beat
    root_hz = 110 * 2 ** (rng.integers(-5, 7) / 12)
    bright = rng.uniform(0.8, 2.2)  # harmonics fall with this power
    levels = dict(zip(("kick", "snare", "hat", "bass", "chord", "lead"), rng.uniform(0.4, 1.0, 6), strict=True))
    offset = rng.integers(len(spec.lead + spec.chord) * 2)  # where in the music the clip begins
    clip = np.zeros(round((SECONDS + 4) * RATE_HZ), np.float64)
    beat_s = step_s * spec.steps_per_beat
    steps = max(len(getattr(spec, part)) for part in levels)

    def strike(part: str, at_s: float, sound: np.ndarray) -> None:
        start = round((at_s + rng.normal(0, 0.003)) * RATE_HZ) if at_s > 0 else 0
        end = min(len(clip), start + len(sound))
        clip[start:end] += levels[part] * rng.uniform(0.75, 1.0) * sound[: end - start]

    for step in range(round(SECONDS / step_s) + 1):
        bar, place = divmod(step + int(offset), steps)
        chord_root = spec.progression[bar % len(spec.progression)]
        at_s = step_s * step
        for part in levels:
            pattern = getattr(spec, part)
            symbol = pattern[place % len(pattern)]
            if symbol == ".":
                continue
            if part in ("kick", "snare", "hat"):
                strike(part, at_s, _drum(part, rng))
            elif part == "chord":
                for degree in (0, 2, 4):
                    hz = root_hz * 2 * _ratio(spec.scale, chord_root + degree)
                    strike(part, at_s, 0.4 * _tone(hz, spec.chord_beats * beat_s, bright, spec.attack_s, 0.0, rng))
            else:
                octave = 0.5 if part == "bass" else 4
                beats = 0.8 if part == "bass" else spec.lead_beats
                hz = root_hz * octave * _ratio(spec.scale, chord_root + int(symbol))
                glide = spec.glide if part == "lead" else 0.0
                strike(part, at_s, 0.7 * _tone(hz, beats * beat_s, bright, spec.attack_s, glide, rng))
    clip = _equalised(clip[: round(SECONDS * RATE_HZ)], rng)
    clip += 10 ** rng.uniform(-3.5, -1.8) * rng.standard_normal(len(clip)) * np.abs(clip).max()
    return (rng.uniform(0.3, 0.9) * clip / np.abs(clip).max()).astype(np.float32)


def _ratio(scale: tuple[int, ...], degree: int) -> float:
    octave, step = divmod(degree, len(scale))
    return float(2 ** (octave + scale[step] / 12))


def _tone(
    hz: float, seconds: float, bright: float, attack_s: float, glide: float, rng: np.random.Generator
) -> np.ndarray:
    """A note of up to twelve harmonics with a soft attack and release."""
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
    """A random equaliser: gains of sd 9 dB at sixteen frequencies, joined smoothly."""
    spectrum = np.fft.rfft(clip)
    octaves = np.log2(np.maximum(np.arange(len(spectrum)) * RATE_HZ / len(clip) / 2, 20))
    gains_db = rng.normal(0, 9, 16)
    curve_db = np.interp(octaves, np.linspace(np.log2(40), np.log2(RATE_HZ / 2), 16), gains_db)
    return np.fft.irfft(spectrum * 10 ** (curve_db / 20), n=len(clip))


def write(root: Path, done: Path) -> None:
    """Write the corpus below `root` as files of several kinds, two of them damaged; then `done` says so."""
    for genre in GENRES:
        (root / genre).mkdir(parents=True, exist_ok=True)
        for number in range(CLIPS_PER_GENRE):
            _write(root / genre / f"{genre}-{number:02d}", synthesise(genre, number), number)
    whole = (root / "march" / "march-00.wav").read_bytes()
    (root / "march" / "truncated.wav").write_bytes(whole[: len(whole) // 3])
    (root / "waltz" / "empty.flac").write_bytes(b"")
    write_json(done, {"clips": CLIPS_PER_GENRE * len(GENRES), "version": VERSION})


def _write(stem: Path, clip: np.ndarray, number: int) -> None:
    """Most clips are 16-bit mono; every tenth is stereo, another 44.1 kHz, another 24 bit."""
    suffix = ".flac" if number % 2 else ".wav"
    subtype, rate_hz = "PCM_16", RATE_HZ
    if number % 10 == 3:
        clip = np.stack([clip, 0.8 * clip], axis=1)
    elif number % 10 == 4:
        clip, rate_hz = soxr.resample(clip, RATE_HZ, 2 * RATE_HZ), 2 * RATE_HZ
    elif number % 10 == 5:
        subtype = "PCM_24"
    soundfile.write(stem.with_suffix(suffix), np.clip(clip, -1, 1), rate_hz, subtype=subtype)
