"""Figures of docs/leak.md: similarities of unrelated recordings and of copies, and the time of a search.

`python docs/similarities.py ROOT TABLE` reads the recordings that a CSV table names, in its columns path and group.
`python docs/similarities.py CLIPS` looks for duplicates among so many random fingerprints of five seconds.
"""

import csv
import io
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from features.audio import decode
from features.extractor import FeatureExtractor
from features.tensors.log_mel import LogMelRecipe
from training.evaluation.fingerprints import STEP_S, Fingerprinter, Fingerprints
from training.evaluation.leak import COMPARED_STEPS, LEAST_ENERGY, near_duplicates

COPIES: dict[str, tuple[float, float, dict[str, Any]]] = {  # gain, shift in s, and how they are written
    "MP3": (0.5, 0.0, {"format": "MP3", "compression_level": 0.8}),
    "Ogg": (0.3, 0.0, {"format": "OGG", "compression_level": 0.9}),
    "MP3, shifted": (0.7, 0.3, {"format": "MP3", "compression_level": 0.6}),
}


def measure(root: Path, table: Path) -> None:
    """Print the similarities of all pairs of two groups at all offsets, and the copies that are found."""
    with open(table, newline="") as file:
        lines = list(csv.DictReader(file))
    names, groups = (np.array([line[column] for line in lines]) for column in ("path", "group"))
    recipe = LogMelRecipe()
    extractor, fingerprint = FeatureExtractor(recipe), Fingerprinter(recipe)

    def fingerprint_of(samples: np.ndarray, rate_hz: int) -> np.ndarray:
        tensor = extractor.assembly(extractor.clip(samples, rate_hz))
        return fingerprint(tensor.values[..., 0].astype(np.float32))

    recordings = [decode(root / name) for name in names]
    values = np.stack([fingerprint_of(*recording) for recording in recordings])
    similarity = similarities(values)
    first, second = np.nonzero(np.triu(groups[:, None] != groups[None], 1))
    between = similarity[first, second]
    print(f"{len(between)} pairs of two groups: 99.9 % below {np.quantile(between, 0.999):.3f}; the highest:")
    for place in np.argsort(-between)[:6]:
        print(f"  {between[place]:.3f} {names[first[place]]} {names[second[place]]}")
    for title, (gain, shift_s, written) in COPIES.items():
        copies = np.stack([fingerprint_of(*copied(*recording, gain, shift_s, written)) for recording in recordings])
        prints = Fingerprints(np.arange(2 * len(names)), np.concatenate([values, copies]))
        pairs = near_duplicates(prints, np.repeat([0, 2], len(names)))
        scores = pairs.scores[pairs.second - pairs.first == len(names)]
        missing = len(names) - len(scores)
        fifth = np.sort(np.append(scores, np.zeros(missing)))[len(names) // 20]
        print(f"{title}: {len(scores)} of {len(names)} copies found, 95 % above {fifth:.3f}")


def copied(
    samples: np.ndarray, rate_hz: int, gain: float, shift_s: float, written: dict[str, Any]
) -> tuple[np.ndarray, int]:
    """Return a copy as it is decoded, as long as the original."""
    shifted = np.concatenate([np.zeros(round(shift_s * rate_hz), np.float32), samples])[: len(samples)]
    file = io.BytesIO()
    soundfile.write(file, gain * np.clip(shifted, -1, 1), rate_hz, **written)
    file.seek(0)
    return soundfile.read(file, dtype="float32")


def similarities(values: np.ndarray) -> np.ndarray:
    """Return the similarity of every pair of clips at its best offset, `(clips, clips)`; time grows with all pairs."""
    prints = values.astype(np.float32) / 127
    clips, steps, _ = prints.shape
    best = np.zeros((clips, clips), np.float32)
    for offset in range(COMPARED_STEPS - steps, steps - COMPARED_STEPS + 1):
        one, other = prints[:, max(0, -offset) : steps - max(0, offset)], prints[:, max(0, offset) :]
        for start in range(0, one.shape[1] - COMPARED_STEPS + 1, 4):
            own, its = (part[:, start : start + COMPARED_STEPS].reshape(clips, -1) for part in (one, other))
            powers = [np.square(part).sum(axis=1) for part in (own, its)]
            cosines = own @ its.T / np.sqrt(np.maximum(np.multiply.outer(*powers), 1e-9))
            np.maximum(best, np.where(np.minimum.outer(*powers) >= LEAST_ENERGY, cosines, 0), out=best)
    return np.maximum(best, best.T)


def search(clips: int) -> None:
    """Print the time and memory of a search, and how many of the pairs that are planted it finds."""
    rng = np.random.default_rng(0)
    values = np.empty((clips, round(5 / STEP_S), 32), np.int8)
    for start in range(0, clips, 1000):
        block = values[start : start + 1000]
        changes = rng.standard_normal((len(block), block.shape[1] + 1, 33), np.float32)
        changes = changes[:, 1:] + changes[:, :-1]  # neighbours in time and frequency are alike
        changes = changes[:, :, 1:] + 0.5 * changes[:, :, :-1]
        block[:] = 127 * changes / (np.abs(changes) + 1)
    planted = clips // 100
    noise = rng.normal(0, 35, (planted, values.shape[1] - 10, 32))
    values[:planted, 10:] = np.clip(values[clips // 2 : clips // 2 + planted, :-10] + noise, -127, 127)
    before = time.perf_counter()
    pairs = near_duplicates(Fingerprints(np.arange(clips), values), np.arange(clips) >= clips // 2)
    seconds = time.perf_counter() - before
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{clips} clips: {len(pairs)} of {planted} pairs in {seconds:.0f} s, {megabytes:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        search(int(sys.argv[1]))
