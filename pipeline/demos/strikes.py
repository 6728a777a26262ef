"""Demo of struck parts: short waveforms in JSON files of all three forms, one in three of a cracked part.

A part rings with seven modes and chatters meanwhile. Each source, a test stand, has parts of its own size, a sensor
with a resonance of its own, and its own noise; every strike excites the modes otherwise. A sound part bounces on its
support: most bursts of the chatter begin at once and fade. In a cracked part the faces of the crack stick and slip:
most bursts swell and break off. All levels, spectra and times are drawn alike, so the order within the bursts alone
tells the two apart. Means and standard deviations over time do not show it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.demos.synthesis.sounds import generator
from stores.files import write_bytes, write_json

RATE_HZ = 22050
SECONDS = 0.5
SOURCES, STRIKES = 120, 6  # strikes of each source
DEFECTIVE_EVERY = 3
VERSION = 3  # raised whenever the sound changes

MODES_HZ = np.array([540.0, 1160.0, 1870.0, 2750.0, 3920.0, 5230.0, 6800.0])
DECAYS_S = np.array([0.11, 0.10, 0.08, 0.06, 0.045, 0.03, 0.02])
CHATTER_LEVELS = (0.1, 0.5)  # of the peak of the ringing
CHATTER_DECAY_S = 0.3
BURSTS_S, INTERVALS_S = (0.012, 0.02), (0.025, 0.04)  # lengths, and times between the centres of their energy
BURST_FADES = (1.0, 4.0)  # nepers over the length of a burst
ODD_BURSTS = 1 / 6  # share of the bursts that slip in a sound part and bounce in a cracked one


def corpus(root: Path) -> dict[str, Any]:
    """Return the `corpus:` section by which the demo is read."""
    return {"source": "json", "root": root, "group": "source"}


def defective(number: int) -> bool:
    """Return True if a strike is one of a defective part."""
    return number % DEFECTIVE_EVERY == DEFECTIVE_EVERY - 1


def synthesise(source: int, number: int) -> np.ndarray:
    """Return strike `number` of a source, `(samples,)` float64 at 22 050 Hz, peaking below 1."""
    stand, rng = generator(VERSION, source), generator(VERSION, source, number)
    modes_hz = MODES_HZ * stand.uniform(0.985, 1.015) * (1 + 0.002 * rng.standard_normal(len(MODES_HZ)))
    decays_s = DECAYS_S * stand.uniform(0.7, 1.4) * rng.uniform(0.9, 1.1)
    resonance_hz, resonance = stand.uniform(800, 6000), stand.uniform(0.5, 3)
    sensor = 1 + resonance / (1 + ((modes_hz - resonance_hz) / 500) ** 2)
    levels = sensor * rng.lognormal(0, 0.5, len(MODES_HZ)) * modes_hz ** -rng.uniform(0.2, 0.7)
    t = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    onset_s = rng.uniform(0.01, 0.05)
    strike = _ringing(t - onset_s, modes_hz, decays_s, levels, rng)
    peak = np.abs(strike).max()
    strike += rng.uniform(*CHATTER_LEVELS) * peak * _chatter(t - onset_s, defective(number), rng)
    strike += 10 ** stand.uniform(-3.2, -2.2) * peak * rng.standard_normal(len(t))
    return rng.uniform(0.2, 0.9) * strike / np.abs(strike).max()


def _ringing(
    t: np.ndarray, modes_hz: np.ndarray, decays_s: np.ndarray, levels: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return damped modes from time 0 on."""
    after = np.maximum(t, 0)
    phases = rng.uniform(0, 0.5, len(modes_hz))
    waves = np.sin(2 * np.pi * modes_hz[:, None] * after + phases[:, None]) * np.exp(-after / decays_s[:, None])
    return (t >= 0) * (levels[:, None] * waves).sum(axis=0)


def _chatter(t: np.ndarray, cracked: bool, rng: np.random.Generator) -> np.ndarray:
    """Return bursts of noise after time 0, ever weaker; those that slip are mirrored in time.

    They are mirrored at the centre of their energy, so that no class has its energy earlier.
    """
    fade = rng.uniform(*BURST_FADES)
    centre = 1 / (2 * fade) - 1 / np.expm1(2 * fade)  # of the energy of exp(-fade * age), ages from 0 to 1
    chatter = np.zeros_like(t)
    centre_s = rng.uniform(*INTERVALS_S)
    while centre_s < t[-1]:
        later = (t - centre_s) / rng.uniform(*BURSTS_S)
        slips = (rng.uniform() < ODD_BURSTS) != cracked
        age = centre + (-later if slips else later)
        burst = np.where((age >= 0) & (age < 1), np.exp(-fade * age), 0)
        chatter += np.exp(-centre_s / CHATTER_DECAY_S) * rng.lognormal(0, 0.3) * burst
        centre_s += rng.uniform(*INTERVALS_S)
    return chatter * rng.standard_normal(len(t))


def write(root: Path, done: Path) -> None:
    """Write three files below `root`, one for each form, with two bad records; then `done` says so."""
    thirds = [range(place, SOURCES, 3) for place in range(3)]
    together: dict[str, list[object]] = {"waveforms": [], "labels": [], "source": []}
    for source in thirds[0]:
        for number in range(STRIKES):
            together["waveforms"].append(_rounded(synthesise(source, number)))
            together["labels"].append("NG" if defective(number) else "OK")
            together["source"].append(f"stand {source}")
    _write(root / "stands-a.json", json.dumps({**together, "fs": RATE_HZ, "metric": "RMS"}))
    integers = [
        {
            "Waveform": np.round(32767 * synthesise(source, number)).astype(int).tolist(),
            "Labels": int(defective(number)),
            "fs": RATE_HZ,
            "source": f"stand {source}",
        }
        for source in thirds[1]
        for number in range(STRIKES)
    ]
    _write(root / "stands-b.json", json.dumps(integers))
    lines: list[dict[str, object]] = [
        {
            "source": f"stand {source}",
            "Labels": "NG" if defective(number) else "OK",
            "fs": RATE_HZ,
            "Waveform": _rounded(synthesise(source, number)),
        }
        for source in thirds[2]
        for number in range(STRIKES)
    ]
    lines.append(lines[0] | {"Waveform": [0.1, None, 0.2]})
    lines.append(lines[1] | {"Labels": "unsure"})
    _write(root / "stands-c.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    write_json(done, {"strikes": SOURCES * STRIKES, "version": VERSION})


def _rounded(strike: np.ndarray) -> list[float]:
    return [round(value, 5) for value in strike.tolist()]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode())
