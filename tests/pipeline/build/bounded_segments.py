"""Index and build the segments of one long recording, and all of it as one clip, with little memory.

A hard limit of the operating system (RLIMIT_DATA) ends the process otherwise. In one piece one would take 86 MB.
"""

import resource
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile
from bounded import data_bytes

from features.extractor import extract
from features.tensors.four_channel import Recipe
from pipeline.build.store import build_store
from pipeline.corpus.index import update_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.executors import TaskRunner
from stores.direct import writer

HEADROOM_BYTES = 60_000_000
RATE_HZ = 8000
MINUTES = 45
RECIPE = Recipe(sample_rate_hz=RATE_HZ, frames=32)


def write(path: Path) -> None:
    """Write tones that are other ones every minute."""
    times_s = np.arange(60 * RATE_HZ) / RATE_HZ
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as sound:
        for minute in range(MINUTES):
            sound.write(0.5 * np.sin(2 * np.pi * (200 + 10 * minute) * times_s))


def main(folder: Path) -> None:
    root = folder / "corpus"
    root.mkdir()
    for name in ("x.flac", "y.mp3"):
        write(root / name)
    starts_s = range(0, 60 * MINUTES, 300)
    rows = [f"{name},{start_s},{start_s + 2},a" for name in ("x.flac", "y.mp3") for start_s in starts_s]
    (root / "table.csv").write_text("\n".join(["path,begin,end,label", *rows, "x.flac,,,b", "y.mp3,,,b"]))
    soundfile.write(folder / "short.wav", np.ones(RATE_HZ), RATE_HZ)
    extract(folder / "short.wav", RECIPE, "pitch")  # imports librosa, and OpenBLAS takes its buffers
    writer().submit(int).result()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    source = AudioSource(AudioCorpus(root=root, table=Path("table.csv"), start_s="begin", end_s="end"), "")
    source.listing()  # Arrow's threads have their stacks
    limit = data_bytes() + HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    scan = source.scan(folder / "index", TaskRunner())
    clips = update_index(folder / "index", scan, max_quarantine=0, config_path="").clips
    recordings = source.recordings(folder / "index", clips)
    store = folder / "stores" / "x"
    built = build_store(store, clips, recordings, RECIPE, name="x", clips_per_shard=16, engine=TaskRunner())
    print(f"computed {built.computed} tensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
