"""Build and read a store with at most 60 MB of anonymous memory beyond what the imports took.

A hard limit of the operating system (RLIMIT_DATA) ends the process otherwise; file maps do not count.
"""

import resource
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.extractor import extract
from features.tensors.four_channel import Recipe
from pipeline.build.store import build_store
from pipeline.corpus.index import read_index, update_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.executors import TaskRunner
from stores import open_store
from stores.direct import writer

HEADROOM_BYTES = 60_000_000
RECIPE = Recipe(frames=660)  # a tensor of 676 kB


def data_bytes() -> int:
    """Anonymous memory as RLIMIT_DATA counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmData")


def main(folder: Path) -> None:
    import zarr  # noqa: F401  # imported before the limit, as all code is

    extract(folder / "corpus" / "a" / "0.wav", RECIPE)  # imports librosa, and OpenBLAS takes its buffers
    source = AudioSource(AudioCorpus(root=folder / "corpus"), "")
    scan = source.scan(folder / "index", TaskRunner())
    clips = update_index(folder / "index", scan, max_quarantine=0.5, config_path="").clips
    # The stacks of threads count as well, whether they are used or not: these have theirs, and there are no others.
    writer().submit(int).result()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    read_index(folder / "index")
    limit = data_bytes() + HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    family = folder / "stores" / "tones"
    recordings = source.recordings(folder / "index", clips)
    build_store(family, clips, recordings, RECIPE, name="tones", clips_per_shard=16, engine=TaskRunner())
    store = open_store(family)
    size = sum(path.stat().st_size for path in family.rglob("c.*"))
    assert size > 2 * HEADROOM_BYTES - 10_000_000, size
    count = 0
    for variant in store.variants:
        for row in range(len(store)):
            assert np.isfinite(store.clip(row, variant)).all()
            count += 1
    print(f"read {count} tensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
