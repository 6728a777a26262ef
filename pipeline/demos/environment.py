"""Demo of environment sounds: clips of five seconds in the layout of ESC-50, five folds, two takes a source."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pipeline.demos.synthesis.sounds import KINDS, generator, synthesise
from stores.files import write_bytes, write_json

RATE_HZ = 44100
SECONDS = 5.0
FOLDS, SOURCES, TAKES = 5, 3, "AB"  # sources of each kind in a fold
VERSION = 1  # raised whenever the sound changes


def corpus(root: Path) -> dict[str, Any]:
    """Return the `corpus:` section by which the demo is read."""
    return {"source": "esc50", "root": root}


def write(root: Path, done: Path) -> None:
    """Write `meta/esc50.csv` and the WAV files in `audio` below `root`; then `done` says so."""
    (root / "audio").mkdir(parents=True, exist_ok=True)
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    for target, kind in enumerate(KINDS):
        for fold in range(1, FOLDS + 1):
            for number in range(SOURCES):
                source = 1000 * fold + 10 * target + number
                for take in TAKES:
                    name = f"{fold}-{source}-{take}-{target}.wav"
                    rngs = (generator(VERSION, kind, source), generator(VERSION, kind, source, take))
                    clip = synthesise(kind, SECONDS, RATE_HZ, *rngs)
                    soundfile.write(root / "audio" / name, clip.astype(np.float32), RATE_HZ, subtype="PCM_16")
                    lines.append(f"{name},{fold},{target},{kind},{target < 10},{source},{take}")
    write_bytes(root / "meta" / "esc50.csv", ("\n".join(lines) + "\n").encode())
    write_json(done, {"clips": len(lines) - 1, "version": VERSION})
