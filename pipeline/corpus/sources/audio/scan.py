"""Scan of audio files: those that are new or changed are opened, the others are as in the last scan."""

from itertools import chain, groupby, repeat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import soundfile

from features.codecs.versions import decoder_version
from features.decoding import of_codecs
from pipeline.corpus.recordings import file_name
from pipeline.corpus.sources.audio.probe import Probe, ProbeTask, probe_all
from pipeline.corpus.sources.audio.recording import AudioFile, audio_file
from pipeline.corpus.sources.base import PROBE_VERSION, SCAN, SCAN_CACHE, UNREADABLE, Listing, status
from pipeline.support.executors import TaskRunner
from pipeline.support.progress import Meter
from pipeline.support.tables import read_rows
from stores.files import replacing

FILES_PER_TASK = 16
IDS_AT_ONCE = 1 << 16
OF_CODECS = "av"  # the decoder of those files that libsndfile does not read

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
    metadata={
        "probe": str(PROBE_VERSION),
        "libsndfile": soundfile.__libsndfile_version__,
        OF_CODECS: decoder_version(),
    },
)

PROBED = ("content_hash", "samples", "sample_rate_hz", "reason")  # in the file itself


def scan_files(folder: Path, listing: Listing, refuse_silence: bool, engine: TaskRunner) -> pa.Table:
    """Return the recordings of a listing in its order, columns `SCAN`.

    Parameters
    ----------
    folder : Path
        Folder of the index, in which the state of every file is kept.
    listing : Listing
    refuse_silence : bool
        Whether a silent recording is a bad one.
    engine : TaskRunner
        Workers that open the files.
    """
    files = _scanned_files(folder / SCAN_CACHE, listing, refuse_silence, engine)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / SCAN_CACHE) as file:
        pq.write_table(files, file)
    table = listing.table
    for name in PROBED:
        table = table.append_column(name, files[name])
    return table.cast(SCAN)


def _scanned_files(cache: Path, listing: Listing, refuse_silence: bool, engine: TaskRunner) -> pa.Table:
    """Return `FILES` for all listed ids in their order; only files that are new or changed since `cache` are opened."""
    files = _as_cached(_cached_files(cache), listing)
    unknown = pc.is_null(files["reason"]).combine_chunks()
    fresh = [audio_file(listing.root, name) for name in files["id"].filter(unknown).to_pylist()]
    parts_by_path = [list(parts) for _, parts in groupby(fresh, key=lambda file: file.path)]
    tasks = [
        ProbeTask(list(chain.from_iterable(parts_by_path[start : start + FILES_PER_TASK])), refuse_silence)
        for start in range(0, len(parts_by_path), FILES_PER_TASK)
    ]
    probes: dict[AudioFile, Probe] = {}
    with Meter("recordings scanned", len(fresh)) as meter:
        for results in engine.run(probe_all, tasks, len(tasks)):
            probes.update(results)
            meter.advance(len(results))
    for name in PROBED if fresh else ():
        values = pa.array([getattr(probes[file], name) for file in fresh], FILES.field(name).type)
        filled = pc.replace_with_mask(files[name].combine_chunks(), unknown, values)
        files = files.set_column(files.column_names.index(name), name, filled)
    return files.cast(FILES)


def _as_cached(cached: pa.Table, listing: Listing) -> pa.Table:
    """Return `FILES` for all listed ids in their order, with what the last scan found in those that are as they were.

    All of it is null for the others.
    """
    ids, root = listing.table["id"], str(listing.root)
    states = (
        state
        for batch in listing.table.select(["id"]).to_batches(IDS_AT_ONCE)
        for path, names in groupby(map(file_name, batch.column(0).to_pylist()))
        for state in repeat(status(f"{root}/{path}"), sum(1 for _ in names))
    )
    sizes, times = np.fromiter(states, np.dtype((np.int64, 2)), len(ids)).T
    before = cached.select(["size", "mtime_ns", *PROBED])
    if not ids.equals(cached["id"]):  # as they mostly do
        before = before.take(pc.index_in(ids, value_set=cached["id"].combine_chunks()))
    same = pc.and_(pc.equal(before["size"], pa.array(sizes)), pc.equal(before["mtime_ns"], pa.array(times)))
    unchanged = pc.all(pc.fill_null(same, False)).as_py()
    found = [before[name] if unchanged else pc.if_else(same, before[name], None) for name in PROBED]
    return pa.table([ids, pa.array(sizes), pa.array(times), *found], schema=FILES)


def _cached_files(cache: Path) -> pa.Table:
    """Return the last scan but for files that could not be read; no row if another libsndfile or probe has made it.

    Those that another decoder of codecs has read, or that none could, are left out as well.
    """
    if not cache.is_file():
        return FILES.empty_table()
    files = read_rows(cache)
    before, now = (dict(schema.metadata or {}) for schema in (files.schema, FILES))
    other_codecs = before.pop(OF_CODECS.encode(), None) != now.pop(OF_CODECS.encode(), None)
    if before != now:
        return FILES.empty_table()
    left_out = pc.starts_with(files["reason"], UNREADABLE)
    if other_codecs:
        decoded = pa.array([of_codecs(file_name(name)) for name in files["id"].to_pylist()], pa.bool_())
        left_out = pc.or_(decoded, pc.not_equal(files["reason"], ""))
    return files.filter(pc.invert(left_out)) if pc.any(left_out).as_py() else files
