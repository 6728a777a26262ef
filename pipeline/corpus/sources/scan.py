"""Looking at audio files: those that are new or changed are opened, the others are known from before."""

from itertools import chain, groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import soundfile

from pipeline.corpus.probe import PROBE_VERSION, UNREADABLE, Probe, ProbeTask, probe_all
from pipeline.corpus.recordings import AudioFile, audio_file
from pipeline.corpus.sources.base import LOOKED, SEEN, Listing, status
from pipeline.support.executors import Engine
from pipeline.support.progress import Meter
from stores.files import replacing

FILES_PER_TASK = 16

FILES = pa.schema(
    [
        ("id", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("content_hash", pa.string()),
        ("samples", pa.int64()),
        ("sample_rate_hz", pa.int64()),
        ("reason", pa.string()),
    ],
    metadata={"probe": str(PROBE_VERSION), "libsndfile": soundfile.__libsndfile_version__},
)


def look(folder: Path, listing: Listing, refuse_silence: bool, engine: Engine) -> pa.Table:
    """What is `LOOKED` at in the order of a listing; every file as last seen is kept in `folder`."""
    files = _files(folder / SEEN, listing, refuse_silence, engine)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / SEEN) as file:
        pq.write_table(files, file)
    table = listing.table
    for name in ("content_hash", "samples", "sample_rate_hz", "reason"):
        table = table.append_column(name, files[name])
    return table.cast(LOOKED)


def _files(cache: Path, listing: Listing, refuse_silence: bool, engine: Engine) -> pa.Table:
    """`FILES` for all listed ids in their order; only files that are new or changed since `cache` are opened."""
    ids = listing.table["id"].to_pylist()
    named = {name: audio_file(listing.root, name) for name in ids}
    sizes, times = np.array([status(named[name].path) for name in ids], dtype=np.int64).reshape(-1, 2).T
    current = pa.table({"id": ids, "size": sizes, "mtime_ns": times})
    known = _known(cache)
    files = current.join(known, keys=["id", "size", "mtime_ns"]).sort_by("id")
    fresh = files.filter(pc.is_null(files["reason"]))["id"].to_pylist()
    whole = [list(parts) for _, parts in groupby((named[name] for name in fresh), key=lambda file: file.path)]
    tasks = [
        ProbeTask(list(chain.from_iterable(whole[start : start + FILES_PER_TASK])), refuse_silence)
        for start in range(0, len(whole), FILES_PER_TASK)
    ]
    probes: dict[AudioFile, Probe] = {}
    with Meter("recordings looked at", len(fresh)) as meter:
        for results in engine.run(probe_all, tasks, len(tasks)):
            probes.update(results)
            meter.advance(len(results))
    opened = [probes[named[name]] for name in fresh]
    table = files.select(FILES.names)
    for name in ("content_hash", "samples", "sample_rate_hz", "reason"):
        values = pa.array([getattr(found, name) for found in opened], FILES.field(name).type)
        mask = pc.is_null(files["reason"]).combine_chunks()
        filled = pc.replace_with_mask(files[name].combine_chunks(), mask, values)
        table = table.set_column(table.column_names.index(name), name, filled)
    return table.cast(FILES)


def _known(cache: Path) -> pa.Table:
    """What an earlier look found, unless another decoder or probe had looked, or had not been let in."""
    if not cache.is_file():
        return FILES.empty_table()
    known = pq.read_table(cache)
    if known.schema.metadata != FILES.metadata:
        return FILES.empty_table()
    return known.filter(pc.invert(pc.starts_with(known["reason"], UNREADABLE)))
