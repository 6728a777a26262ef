"""Waveforms from a JSON file: read once, and read again for every epoch."""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Row, medians, row
from benchmarks.peers import json_stdlib, published_anomaly, simdjson_alone
from benchmarks.scratch import scratch
from features.augmentations import Variants
from features.tensors.waveform import WaveformRecipe
from pipeline.build.store import build_store
from pipeline.corpus.index import update_index
from pipeline.corpus.sources.json.recording import JsonArray
from pipeline.corpus.sources.json.records import records
from pipeline.corpus.sources.json.settings import JsonCorpus
from pipeline.corpus.sources.json.source import JsonSource
from pipeline.support.executors import TaskRunner
from stores import open_store
from training.stream import ClipStream

RECORDS, SAMPLES, RATE_HZ = 200, 44100, 44100
REPARSED = 2  # samples for which the published way is timed; each of them takes the same


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    parser, stdlib, epoch = "json/vs_parser", "json/vs_stdlib", "json/epoch_vs_reparse"
    if not any(map(wanted, (parser, stdlib, epoch))):
        return
    with scratch() as folder:
        root = folder / "corpus"
        root.mkdir()
        path = root / "waveforms.json"
        waveforms = write(path)
        corpus = JsonCorpus(root=root)
        unit = "ms per record of 44100 samples to float32, page cache warm, one core"

        def ours() -> list[np.ndarray]:
            return list(read(path, corpus))

        for name, peer, other_name in (
            (parser, simdjson_alone, "pysimdjson on each record's text, which lies in memory"),
            (stdlib, json_stdlib, "json.load of the whole file and numpy"),
        ):
            if wanted(name):
                theirs = partial(peer.read, peer.prepare(path))
                check(ours(), waveforms)
                check(theirs(), waveforms)
                mine_s, theirs_s = medians(ours, theirs)
                yield row(name, unit, mine_s / RECORDS, theirs_s / RECORDS, other_name)
        if wanted(epoch):
            yield epoch_row(epoch, root, path)


def write(path: Path) -> np.ndarray:
    """A file of 200 waveforms in one object, `(200, 44100)` float32; half of them OK."""
    rng = np.random.default_rng(0)
    waveforms = np.round(rng.standard_normal((RECORDS, SAMPLES)), 6)
    labels = ["OK", "NG"] * (RECORDS // 2)
    path.write_text(json.dumps({"waveforms": waveforms.tolist(), "labels": labels, "fs": RATE_HZ, "metric": "RMS"}))
    return waveforms.astype(np.float32)


def read(path: Path, corpus: JsonCorpus) -> Iterator[np.ndarray]:
    """Every record of a file."""
    for number, record in enumerate(records(path, corpus)):
        yield JsonArray(path, number, record.waveform.start, record.waveform.end, RATE_HZ).decode()[0]


def check(found: list[np.ndarray], waveforms: np.ndarray) -> None:
    assert all(samples.dtype == np.float32 for samples in found)
    np.testing.assert_array_equal(np.stack(found), waveforms)


def epoch_row(name: str, root: Path, path: Path) -> Row:
    """One epoch in batches of 4 from the store, against a data set that parses the file for each sample."""
    source, index = JsonSource(JsonCorpus(root=root), "bench"), root.parent / "index"
    clips = update_index(index, source.scan(index, TaskRunner()), max_quarantine=0.0, config_path="bench").clips
    augmentations = (field.name for field in fields(Variants))
    recipe = WaveformRecipe(variants=Variants(**dict.fromkeys(augmentations)))
    recordings = source.recordings(index, clips)
    options: dict[str, Any] = {"name": "bench", "clips_per_shard": 64, "engine": TaskRunner()}
    store = open_store(build_store(root.parent / "store", clips, recordings, recipe, **options).path)
    stream = ClipStream(store, np.arange(RECORDS), np.zeros(RECORDS, np.int64), batch_size=4, shuffle=True)

    def ours() -> None:
        assert sum(len(batch["row"]) for batch in stream) == RECORDS

    dataset = published_anomaly.prepare(path)
    mine, theirs = medians(ours, lambda: [dataset[number] for number in range(REPARSED)])
    other_name = f"parsing the file for each sample, as the published data set does, {REPARSED} of them timed"
    return row(name, "ms for an epoch over 200 records", mine, theirs / REPARSED * RECORDS, other_name)
