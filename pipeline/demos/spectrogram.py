"""Demo of spectrogram tables: eight kinds of sound of one second as 20×50 numbers on a line, in two CSV files."""

from pathlib import Path
from typing import Any

import numpy as np

from features.tensors.log_mel import LogMelRecipe
from pipeline.demos.synthesis.sounds import KINDS, generator, synthesise
from stores.files import write_bytes, write_json

RATE_HZ = 16000
SECONDS = 1.0
CLASSES, ROWS, FRAMES = 8, 20, 50
LINES = {"train": 90, "test": 10}  # of each class
VERSION = 1  # raised whenever the tables change

RECIPE = LogMelRecipe(
    sample_rate_hz=RATE_HZ, n_fft=1024, hop_length=320, n_mels=ROWS, fmax_hz=None, frames=FRAMES, dtype="float32"
)


def corpus(root: Path) -> dict[str, Any]:
    """Return the `corpus:` section by which the demo is read."""
    return {"source": "csv", "train": root / "traindata.csv", "test": root / "testdata.csv"}


def write(root: Path, done: Path) -> None:
    """Write `traindata.csv` and `testdata.csv`, which has a header, below `root`; then `done` says so."""
    from features.extractor import FeatureExtractor  # with numba, which a look at the Snakefile does without

    engine = FeatureExtractor(RECIPE)
    header = ",".join(["label", *(f"v{number}" for number in range(ROWS * FRAMES))])
    for name, count in LINES.items():
        lines = [header] if name == "test" else []
        for number in range(count):
            for label, kind in enumerate(list(KINDS)[:CLASSES], start=1):
                source = generator(VERSION, kind, name, number)
                clip = synthesise(kind, SECONDS, RATE_HZ, source, source).astype(np.float32)
                ((_, tensor),) = engine.compute(engine.clip(clip, RATE_HZ), b"", ["original"])
                lines.append(",".join([str(label), *(f"{value:.2f}" for value in tensor.values.ravel())]))
        write_bytes(root / f"{name}data.csv", ("\n".join(lines) + "\n").encode())
    write_json(done, {"lines": sum(LINES.values()) * CLASSES, "version": VERSION})
