"""Features of the same sounds from Parquet files and from a folder of files, by one worker."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from threadpoolctl import threadpool_limits

from benchmarks.features import RATE_HZ, SECONDS, music
from benchmarks.measure import Row, medians, row
from benchmarks.scratch import scratch
from features.tensors.four_channel import Recipe
from pipeline.build.store import build_store
from pipeline.corpus.index import read_index, update_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.base import StoredCorpus
from pipeline.corpus.sources.parquet.settings import ParquetCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.support.executors import TaskRunner

CLIPS = 256
CLIPS_PER_SHARD = 64
ROWS_PER_GROUP = 100  # as the hub's library writes sound
SONGS = 8


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    name = "sources/parquet_vs_folder"
    if not wanted(name):
        return
    with scratch() as folder, threadpool_limits(limits=1):
        write(folder)
        packed, files = (
            Corpus(folder, corpus)
            for corpus in (ParquetCorpus(root=folder / "packed", label=None), AudioCorpus(root=folder / "files"))
        )

        def clean() -> None:
            for corpus in (packed, files):
                corpus.clean()

        assert packed.hashes() == files.hashes()
        ours, other = medians(packed.features, files.features, before=clean)
        unit = f"ms per clip of {SECONDS} s in FLAC: decoding, the variant `original`, durable write; one worker"
        yield row(name, unit, ours / CLIPS, other / CLIPS, "the same clips as files in a folder")


def write(folder: Path) -> None:
    """Write clips as FLAC files and as rows of one Parquet file."""
    (folder / "files").mkdir()
    (folder / "packed").mkdir()
    songs = [music(number) for number in range(SONGS)]
    sounds = []
    for number in range(CLIPS):
        path = folder / "files" / f"{number:04}.flac"
        soundfile.write(path, np.roll(songs[number % SONGS], 1009 * number), RATE_HZ, subtype="PCM_16")
        sounds.append({"bytes": path.read_bytes(), "path": path.name})
    table = pa.table({"audio": sounds})
    pq.write_table(table, folder / "packed" / "train-00000-of-00001.parquet", row_group_size=ROWS_PER_GROUP)


class Corpus:
    """A corpus with its index, of which the features are made again and again."""

    def __init__(self, folder: Path, corpus: StoredCorpus) -> None:
        self._source = source_of(corpus, "benchmark")
        self._index = folder / f"{corpus.source}-index"
        self._stores = folder / f"{corpus.source}-stores"
        scan = self._source.scan(self._index, TaskRunner())
        update_index(self._index, scan, max_quarantine=0, config_path="benchmark")

    def hashes(self) -> list[str]:
        """Return the content hashes of all clips, sorted."""
        return sorted(read_index(self._index)["content_hash"].to_pylist())

    def clean(self) -> None:
        """Remove the store."""
        shutil.rmtree(self._stores, ignore_errors=True)

    def features(self) -> None:
        """Build the store."""
        clips = read_index(self._index)
        recipe = Recipe(variants=dict.fromkeys(Recipe().augmentations))  # type: ignore[arg-type]
        build_store(
            self._stores / "x",
            clips,
            self._source.recordings(self._index, clips),
            recipe,
            name="x",
            clips_per_shard=CLIPS_PER_SHARD,
            engine=TaskRunner(),
        )
