"""Demo of overlapping sounds: scenes of one to three of six kinds of environment sound, with a table of their labels.

Each sound begins and ends somewhere in its scene, louder or softer than the others, and what can be heard together is
drawn at random. Sources of the sounds are of one place each; the scenes of a place are a group.
"""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pipeline.demos.synthesis.sounds import generator, synthesise
from stores.files import write_bytes, write_json
from training.label_text import label_text

RATE_HZ = 22050
SECONDS = 3.0
PLACES, SCENES = 120, 5  # scenes of each place
KINDS = ("bell", "bird", "clock", "frog", "keyboard", "siren")
OVERLAPS = (0.4, 0.35, 0.25)  # shares of scenes with one sound, with two and with three
LEVELS_DB = (-8.0, 0.0)  # of a sound beside the others
LENGTHS = (0.5, 1.0)  # of a sound, as shares of the scene
FADE_S = 0.05
VERSION = 1  # raised whenever the sound changes


def corpus(root: Path) -> dict[str, Any]:
    """Return the `corpus:` section by which the demo is read."""
    return {
        "source": "audio",
        "root": root / "audio",
        "table": root / "scenes.csv",
        "label": "sounds",
        "group": "place",
    }


def sounds_of(place: int, number: int) -> tuple[str, ...]:
    """Return the kinds of sound in scene `number` of a place, in the order in which they are drawn."""
    rng = generator(VERSION, "kinds", place, number)
    count = 1 + int(rng.choice(len(OVERLAPS), p=OVERLAPS))
    return tuple(KINDS[kind] for kind in rng.permutation(len(KINDS))[:count])


def scene(place: int, number: int) -> np.ndarray:
    """Return scene `number` of a place, `(samples,)` float64 at 22 050 Hz, peaking below 1."""
    mix = np.zeros(round(SECONDS * RATE_HZ))
    for kind in sounds_of(place, number):
        rng = generator(VERSION, place, number, kind)
        length = round(rng.uniform(*LENGTHS) * len(mix))
        begin = round(rng.uniform(0, len(mix) - length))
        sound = synthesise(kind, length / RATE_HZ, RATE_HZ, generator(VERSION, kind, place), rng)
        fade = np.minimum(1, np.arange(1, length + 1) / (FADE_S * RATE_HZ))
        level = 10 ** (rng.uniform(*LEVELS_DB) / 20) / np.sqrt(np.mean(sound**2))
        mix[begin : begin + length] += level * sound * fade * fade[::-1]
    return generator(VERSION, "level", place, number).uniform(0.2, 0.9) * mix / np.abs(mix).max()


def write(root: Path, done: Path) -> None:
    """Write `scenes.csv` and the FLAC files in `audio` below `root`; then `done` says so."""
    (root / "audio").mkdir(parents=True, exist_ok=True)
    lines = ["path,sounds,place"]
    for place in range(PLACES):
        for number in range(SCENES):
            name = f"{place:03d}-{number}.flac"
            samples = scene(place, number).astype(np.float32)
            soundfile.write(root / "audio" / name, samples, RATE_HZ, subtype="PCM_16")
            lines.append(f"{name},{label_text(sounds_of(place, number))},place {place}")
    write_bytes(root / "scenes.csv", ("\n".join(lines) + "\n").encode())
    write_json(done, {"scenes": PLACES * SCENES, "version": VERSION})
