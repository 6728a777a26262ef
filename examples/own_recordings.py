"""Build the features of a folder of recordings from Python, and look at them.

    python examples/own_recordings.py FOLDER

Writes a few recordings of two kinds into FOLDER, one sub-folder for each label, and a configuration beside them; types
`snakemake features`; and opens the store. Put your own recordings in the place of `write_recordings`.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
import yaml

import otogura

RATE_HZ = 22050
RECORDINGS = 12  # of each kind


def write_recordings(root: Path) -> None:
    """Write rising and falling tones of one second."""
    t = np.arange(RATE_HZ) / RATE_HZ
    for number in range(RECORDINGS):
        low_hz = 200 * 2 ** (number / RECORDINGS)
        sweeps = {"rising": low_hz * (t + t**2 / 2), "falling": low_hz * (2 * t - t**2 / 2)}
        for label, cycles in sweeps.items():
            path = root / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.5 * np.sin(2 * np.pi * cycles), RATE_HZ)


def configuration(root: Path) -> dict[str, object]:
    """Return a configuration with one experiment: what it leaves out has a default."""
    return {
        "experiments": {"sweeps": {"corpus": {"source": "audio", "root": str(root)}, "recipe": "short"}},
        "recipes": {"short": {"frames": 44}},  # one second; the default is 1320, half a minute
    }


def built_store(folder: Path) -> otogura.Store:
    """Type the command in a folder with a configuration, and open the store that it builds."""
    if not (folder / "Snakefile").exists():
        subprocess.run([sys.executable, "-m", "pipeline.commands.main", "init", str(folder)], check=True)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "features", "--configfile", "mine.yaml"]
    subprocess.run(command, cwd=folder, check=True)
    listing = [sys.executable, "-m", "pipeline.commands.main", "stores", "--json", "--configfile", "mine.yaml"]
    stores = json.loads(subprocess.run(listing, cwd=folder, check=True, capture_output=True).stdout)
    return otogura.open_store(folder / stores[0]["path"])


def main(folder: Path) -> None:
    """Write recordings and a configuration, build, and print what the store holds."""
    write_recordings(folder / "recordings")
    (folder / "mine.yaml").write_text(yaml.safe_dump(configuration(Path("recordings"))))
    store = built_store(folder)
    print(store)
    for row, recording in enumerate(store.rows.select(["id", "label", "pitch_semitones"]).to_pylist()):
        louder = np.argmax(store.clip(row)[:, :, 0].mean(axis=1))  # channel 0 is the log-mel spectrogram
        print(
            f"{recording['id']}: strongest mel band {louder}; pitch drawn {recording['pitch_semitones']:+.2f} semitones"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
