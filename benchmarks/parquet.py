"""Sound in a large Parquet file: time and memory of the index and of the features, in processes of their own.

python -m benchmarks.parquet [GB] [ROWS …]     2 GB in row groups of 100 and of 1000 rows by default

The process that only imports what the others do tells how much of their memory is the code's.
"""

import io
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from benchmarks.scratch import scratch

RATE_HZ = 22050
SECONDS = 10
BYTES = SECONDS * RATE_HZ * 2
KIB_PER_MIB = 1024
WRITE = "write"
STAGES = ("imports", "index", "features")
AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def main(gigabytes: float, group_sizes: list[int]) -> None:
    print("| rows of a group | stage | s | largest resident memory in MiB |\n|---|---|---|---|")
    with scratch() as folder:
        for group_size in group_sizes:
            corpus = folder / f"groups-of-{group_size}"
            corpus.mkdir()
            clips = round(gigabytes * 1e9 / BYTES)
            arguments = [str(corpus), str(clips), str(group_size)]  # written elsewhere: a child is charged its parent's
            subprocess.run([sys.executable, "-m", "benchmarks.parquet", WRITE, *arguments], check=True)
            for stage in STAGES:
                started_s = perf_counter()
                process = subprocess.Popen([sys.executable, "-m", "benchmarks.parquet", stage, str(corpus)])
                _, status, used = os.wait4(process.pid, 0)  # of this process alone
                assert status == 0
                seconds, memory = perf_counter() - started_s, used.ru_maxrss / KIB_PER_MIB
                print(f"| {group_size} | {stage} | {seconds:.1f} | {memory:.0f} |", flush=True)
            (corpus / "train.parquet").unlink()


def write(path: Path, clips: int, group_size: int) -> None:
    """Write tones in noise as 16-bit WAV, a row group at a time: no two clips are alike."""
    rng = np.random.default_rng(0)
    times_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    noise = 0.02 * rng.standard_normal(len(times_s))
    with pq.ParquetWriter(path, pa.schema([("audio", AUDIO), ("label", pa.string())])) as file:
        for first in range(0, clips, group_size):
            numbers = range(first, min(clips, first + group_size))
            rows = []
            for number in numbers:
                sound = io.BytesIO()
                tone = 0.3 * np.sin(2 * np.pi * rng.uniform(100, 4000) * times_s)
                soundfile.write(sound, tone + np.roll(noise, number), RATE_HZ, format="WAV", subtype="PCM_16")
                rows.append({"bytes": sound.getvalue(), "path": f"{number}.wav"})
            labels = ["ab"[number % 2] for number in numbers]
            file.write_table(pa.table({"audio": pa.array(rows, AUDIO), "label": labels}), row_group_size=group_size)


def stage(name: str, corpus: Path) -> None:
    """Run one stage, as the command does in one worker."""
    from threadpoolctl import threadpool_limits

    from features.tensors.four_channel import Recipe
    from pipeline.build.store import build_store
    from pipeline.corpus.index import read_index, update_index
    from pipeline.corpus.sources.parquet.settings import ParquetCorpus
    from pipeline.corpus.sources.parquet.source import ParquetSource
    from pipeline.support.executors import TaskRunner

    pa.set_memory_pool(pa.system_memory_pool())  # as the jobs do
    source = ParquetSource(ParquetCorpus(root=corpus), "benchmark")
    folder = corpus.parent / f"{corpus.name}-made"
    with threadpool_limits(limits=1):
        if name == "index":
            scan = source.scan(folder / "index", TaskRunner("threads"))
            clips = update_index(folder / "index", scan, max_quarantine=0, config_path="benchmark").clips
            print(f"{len(clips)} clips", file=sys.stderr)
        elif name == "features":
            clips = read_index(folder / "index")
            recipe = Recipe(frames=173, variants=dict.fromkeys(Recipe().augmentations))  # type: ignore[arg-type]
            recordings = source.recordings(folder / "index", clips)
            stores = folder / "stores" / "large"
            build_store(stores, clips, recordings, recipe, name="large", clips_per_shard=64, engine=TaskRunner())


if __name__ == "__main__":
    if sys.argv[1:2] == [WRITE]:
        write(Path(sys.argv[2]) / "train.parquet", int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1:2] and sys.argv[1] in STAGES:
        stage(sys.argv[1], Path(sys.argv[2]))
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 2.0, [int(rows) for rows in sys.argv[2:]] or [100, 1000])
