"""Segments of one long recording: time and memory of the index and of the features, in processes of their own.

python -m benchmarks.segments [HOURS] [ENDING …]     10 hours as .flac and .mp3 by default, a line for each stage

The process that only imports what the others do tells how much of their memory is the code's.
"""

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import soundfile

from benchmarks.scratch import scratch

RATE_HZ = 22050
SEGMENTS = 3000
SECONDS = 4.0
OF_ONE_CLIP = ("index, one clip", "features, one clip")  # all of the recording
STAGES = ("imports", "index", "features", *OF_ONE_CLIP)
KIB_PER_MIB = 1024


def main(hours: float, endings: list[str]) -> None:
    print("| recording | stage | s | largest resident memory in MiB |\n|---|---|---|---|")
    with scratch() as folder:
        for ending in endings:
            corpus = folder / ending
            corpus.mkdir()
            write(corpus / f"long.{ending}", hours)
            write_table(corpus / "segments.csv", f"long.{ending}", hours)
            for stage in STAGES:
                started_s = perf_counter()
                process = subprocess.Popen([sys.executable, "-m", "benchmarks.segments", stage, str(corpus)])
                _, status, used = os.wait4(process.pid, 0)  # of this process alone
                assert status == 0
                seconds, memory = perf_counter() - started_s, used.ru_maxrss / KIB_PER_MIB
                print(f"| {hours:g} h .{ending} | {stage} | {seconds:.1f} | {memory:.0f} |", flush=True)


def write(path: Path, hours: float) -> None:
    """Write tones in noise, mono, a minute at a time: no two minutes are alike."""
    rng = np.random.default_rng(0)
    times_s = np.arange(60 * RATE_HZ) / RATE_HZ
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as sound:
        for _ in range(round(60 * hours)):
            tone = 0.3 * np.sin(2 * np.pi * rng.uniform(100, 4000) * times_s)
            sound.write(tone + 0.02 * rng.standard_normal(len(tone)))


def write_table(path: Path, name: str, hours: float) -> None:
    """Write rows of segments that begin anywhere, so that some overlap, in no order."""
    latest_ms = round(1000 * (3600 * hours - SECONDS))
    starts_s = np.random.default_rng(1).choice(latest_ms, SEGMENTS, replace=False) / 1000
    rows = [f"{name},{start_s:.3f},{start_s + SECONDS:.3f},{'ab'[n % 2]}" for n, start_s in enumerate(starts_s)]
    path.write_text("\n".join(["path,start_s,end_s,label", *rows, ""]))


def stage(name: str, corpus: Path) -> None:
    """Run one stage, as the command does in one worker."""
    from threadpoolctl import threadpool_limits

    from features.tensors.four_channel import Recipe
    from pipeline.build.store import build_store
    from pipeline.corpus.index import read_index, update_index
    from pipeline.corpus.repetition import repetition_remark
    from pipeline.corpus.sources.audio.settings import AudioCorpus
    from pipeline.corpus.sources.audio.source import AudioSource
    from pipeline.support.executors import TaskRunner

    whole = name in OF_ONE_CLIP
    table = {} if whole else {"table": corpus / "segments.csv", "start_s": "start_s", "end_s": "end_s"}
    source = AudioSource(AudioCorpus.model_validate({"root": corpus, **table}), "benchmark")
    folder = corpus.parent / f"{corpus.name}-{'whole' if whole else 'segments'}"
    with threadpool_limits(limits=1):
        if name.startswith("index"):
            scan = source.scan(folder / "index", TaskRunner("threads"))
            clips = update_index(folder / "index", scan, max_quarantine=0, config_path="benchmark").clips
            print(f"{len(clips)} clips{repetition_remark(clips, source.repeated)}", file=sys.stderr)
        elif name.startswith("features"):
            clips = read_index(folder / "index")
            recipe = Recipe(frames=173, variants=dict.fromkeys(Recipe().augmentations))  # type: ignore[arg-type]
            recordings = source.recordings(folder / "index", clips)
            stores = folder / "stores" / "long"
            build_store(stores, clips, recordings, recipe, name="long", clips_per_shard=64, engine=TaskRunner())


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STAGES:
        stage(sys.argv[1], Path(sys.argv[2]))
    else:
        main(float(sys.argv[1]) if sys.argv[1:] else 10.0, sys.argv[2:] or ["flac", "mp3"])
