"""Demo of genres: ten procedural genres as WAV and FLAC files in folders, with faults as they occur in practice.

A genre is a tempo, a metre, a harmony and the patterns of its parts; timbre, key, balance and equalisation are
drawn anew for every clip, so that the average spectrum tells little of the genre.
"""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from pipeline.demos.synthesis import music
from pipeline.demos.synthesis.music import MAJOR, MINOR, Genre, finish, perform, tone
from pipeline.demos.synthesis.sounds import generator
from stores.files import write_json

RATE_HZ = music.RATE_HZ
SECONDS = 5.5
CLIPS_PER_GENRE = 40
VERSION = 1  # raised whenever the sound changes

BLUES, FOURTHS = (0, 3, 5, 6, 7, 10, 12), (0, 5, 7, 10, 12, 15, 17)

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


def corpus(root: Path) -> dict[str, Any]:
    """Return the `corpus:` section by which the demo is read."""
    return {"source": "audio", "root": root}


def synthesise(genre: str, number: int) -> np.ndarray:
    """Return clip `number` of a genre, `(samples,)` float32 at 22 050 Hz, peaking below 1."""
    spec = GENRES[genre]
    rng = generator(VERSION, genre, number)
    bpm = rng.uniform(*spec.bpm)
    root_hz = 110 * 2 ** (rng.integers(-5, 7) / 12)
    bright = rng.uniform(0.8, 2.2)

    def plain(hz: float, seconds: float) -> np.ndarray:
        return tone(hz, seconds, bright, spec.attack_s, 0.0, rng)

    def gliding(hz: float, seconds: float) -> np.ndarray:
        return tone(hz, seconds, bright, spec.attack_s, spec.glide, rng)

    clip = perform(spec, SECONDS, bpm, root_hz, {"bass": plain, "chord": plain, "lead": gliding}, rng)
    return finish(clip, rng)


def write(root: Path, done: Path) -> None:
    """Write the corpus below `root` as files of several kinds, two of them damaged; then `done` says so."""
    for genre in GENRES:
        (root / genre).mkdir(parents=True, exist_ok=True)
        for number in range(CLIPS_PER_GENRE):
            _write(root / genre / f"{genre}-{number:02d}", synthesise(genre, number), number)
    complete = (root / "march" / "march-00.wav").read_bytes()
    (root / "march" / "truncated.wav").write_bytes(complete[: len(complete) // 3])
    (root / "waltz" / "empty.flac").write_bytes(b"")
    write_json(done, {"clips": CLIPS_PER_GENRE * len(GENRES), "version": VERSION})


def _write(stem: Path, clip: np.ndarray, number: int) -> None:
    """Write a clip: most are 16-bit mono, every tenth is stereo, another 44.1 kHz, another 24 bit."""
    suffix = ".flac" if number % 2 else ".wav"
    subtype, rate_hz = "PCM_16", RATE_HZ
    if number % 10 == 3:
        clip = np.stack([clip, 0.8 * clip], axis=1)
    elif number % 10 == 4:
        clip, rate_hz = soxr.resample(clip, RATE_HZ, 2 * RATE_HZ), 2 * RATE_HZ
    elif number % 10 == 5:
        subtype = "PCM_24"
    soundfile.write(stem.with_suffix(suffix), np.clip(clip, -1, 1), rate_hz, subtype=subtype)
