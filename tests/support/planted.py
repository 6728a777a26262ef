"""Corpus with planted near-duplicates: copies as they get into real collections, among unrelated recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from pipeline.demos.synthesis.sounds import KINDS, generator, synthesise

RATE_HZ = 22050
SECONDS = 5.0
SHIFT_S = 0.3
CUT_S = 2.5  # between the beginnings of two parts of one take


@dataclass(frozen=True)
class Planted:
    """Files below `root`, a folder for each kind of sound; `pairs` have a sound in common, and no others."""

    root: Path
    pairs: dict[str, list[tuple[str, str]]]  # by what was done: the names of an original and of its copy
    unrelated: list[str]


def _as_ogg(take: np.ndarray) -> np.ndarray:
    return 0.3 * take


def _as_mp3(take: np.ndarray) -> np.ndarray:
    return 0.5 * take


def _shifted(take: np.ndarray) -> np.ndarray:
    return 0.7 * np.concatenate([np.zeros(round(SHIFT_S * RATE_HZ), np.float32), take])


def _cut(take: np.ndarray) -> np.ndarray:
    return 0.6 * take[round(CUT_S * RATE_HZ) :]


DONE: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "ogg": (_as_ogg, ".ogg"),
    "mp3": (_as_mp3, ".mp3"),
    "shifted": (_shifted, ".mp3"),
    "cut": (_cut, ".ogg"),
}


def write_planted(root: Path, sources: int = 4, unrelated: int = 8) -> Planted:
    """Write `sources` recordings of each kind, each copied in one way, and `unrelated` ones of each kind."""
    pairs: dict[str, list[tuple[str, str]]] = {done: [] for done in DONE}
    alone = []
    for kind_number, kind in enumerate(KINDS):
        (root / kind).mkdir(parents=True)
        for source in range(sources + unrelated):
            rngs = (generator(0, kind, source), generator(0, kind, source, "A"))
            take = synthesise(kind, SECONDS + CUT_S, RATE_HZ, *rngs).astype(np.float32)
            name = f"{kind}/{source}.wav"
            soundfile.write(root / name, take[: round(SECONDS * RATE_HZ)], RATE_HZ)
            if source >= sources:
                alone.append(name)
                continue
            done = list(DONE)[(source + kind_number) % len(DONE)]
            change, suffix = DONE[done]
            copy = f"{kind}/{source}-{done}{suffix}"
            soundfile.write(root / copy, change(take)[: round(SECONDS * RATE_HZ)], RATE_HZ)
            pairs[done].append((name, copy))
    return Planted(root, pairs, alone)
