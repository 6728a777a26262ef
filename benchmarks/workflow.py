"""Shards of 30 s clips by one worker and by two; and the whole command against its kernels by themselves."""

import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile
import yaml
from threadpoolctl import threadpool_limits

from benchmarks.features import RATE_HZ, SECONDS, music
from benchmarks.measure import Row, medians, row
from benchmarks.scratch import run, scratch
from features.audio import content_hash, decode
from features.extractor import FeatureExtractor
from features.tensors.four_channel import Recipe
from pipeline.build.shards import ShardTask, build_shard
from pipeline.build.store import array_specs
from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.support.executors import TaskRunner
from stores.layout import Layout
from stores.shard_writing import FolderDestination

CLIPS = 2048
CLIPS_PER_SHARD = 64
SHARDS_FOR_WORKERS = 4
ROOT = Path(__file__).parents[1]


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    workers, workflow = "features/two_workers_vs_one", "features/workflow_vs_kernel"
    if not wanted(workers) and not wanted(workflow):
        return
    with scratch() as folder, threadpool_limits(limits=1):
        site = Site(folder)
        if wanted(workers):
            clips = SHARDS_FOR_WORKERS * CLIPS_PER_SHARD
            unit = f"ms per clip of {SECONDS} s: decoding, six variants, durable write; {clips} clips, workers running"
            two, one = medians(lambda: site.shards(2), lambda: site.shards(1), before=site.clean)
            yield row(workers, unit, two / clips, one / clips, "one worker")
        if wanted(workflow):
            unit = f"ms per clip of {SECONDS} s, `snakemake --cores 2 features` on {CLIPS} new clips"
            other = "decoding, six variants and a durable write in one process, over two"
            whole, kernel = medians(site.command, lambda: build_shard(site.tasks[0]), before=site.clean)
            yield row(workflow, unit, whole / CLIPS, kernel / CLIPS_PER_SHARD / 2, other)


class Site:
    """A folder with a corpus and a configuration, as a user has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        songs = [music(number) for number in range(8)]
        for number in range(CLIPS):
            path = folder / "corpus" / f"genre{number % 8}" / f"{number:04}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.roll(songs[number % 8], 1009 * number), RATE_HZ, subtype="PCM_16")
        config = {"experiments": {"genre": {"corpus": {"root": "corpus"}}}, "clips_per_shard": CLIPS_PER_SHARD}
        (folder / "mine.yaml").write_text(yaml.safe_dump(config))

    def clean(self) -> None:
        """Leave the corpus and an empty store."""
        for made in ("work", ".snakemake", "store"):
            shutil.rmtree(self.folder / made, ignore_errors=True)
        for variant in Recipe().variant_names:
            for part in ("tensors.zarr", "tensors.zarr/statistics", "markers"):
                (self.folder / "store" / part / variant).mkdir(parents=True)

    def command(self) -> None:
        """Run what a user types, from nothing."""
        command = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(ROOT / "Snakefile")]
        command += ["--cores", "2", "features", "--configfile", "mine.yaml"]
        run(command, self.folder)

    def shards(self, workers: int) -> None:
        """Some shards of all variants by worker processes, which go on from call to call."""
        for _ in TaskRunner("joblib", workers).run(build_shard, self.tasks, len(self.tasks)):
            pass

    @cached_property
    def tasks(self) -> list[ShardTask]:
        recipe = Recipe()
        features = FeatureExtractor(recipe)
        paths = sorted(self.folder.glob("corpus/*/*.wav"))
        tasks = []
        for shard in range(SHARDS_FOR_WORKERS):
            some = paths[shard * CLIPS_PER_SHARD :][:CLIPS_PER_SHARD]
            tasks.append(
                ShardTask(
                    destination=FolderDestination(Layout(self.folder / "store")),
                    specs=array_specs(recipe, CLIPS_PER_SHARD),
                    shard=shard,
                    recordings=[AudioFile(path) for path in some],
                    content_hashes=[content_hash(*decode(path)).hex() for path in some],
                    lengths=[len(decode(path)[0]) for path in some],
                    held={variant: [None] * CLIPS_PER_SHARD for variant in recipe.variant_names},
                    features=features,
                )
            )
        return tasks
