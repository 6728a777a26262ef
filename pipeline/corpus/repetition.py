"""Repetition in a corpus: segments that overlap, and clips of the same sound."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus.recordings import split_segment, whole_name


def overlapping(ids: pa.ChunkedArray) -> int:
    """Return how many files and segments share a time with another segment of their file."""
    if not pc.any(pc.ends_with(ids, "]")).as_py():
        return 0
    names = sorted({whole_name(name) for name in ids.to_pylist()})
    paths, starts_s, ends_s = zip(*map(split_segment, names), strict=True)
    _, files = np.unique(np.array(paths, object), return_inverse=True)
    times_s = np.array([*starts_s, *(np.inf if end_s is None else end_s for end_s in ends_s)])
    _, ranks = np.unique(times_s, return_inverse=True)  # whole numbers, which stay exact beside those of files
    starts, ends = files * len(times_s) + ranks.reshape(2, -1)
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    latest = np.maximum.accumulate(ends)
    shared = np.zeros(len(names) + 1, bool)
    shared[1:-1] = starts[1:] < latest[:-1]  # with one that begins earlier
    shared[:-2] |= starts[1:] < ends[:-1]  # with the next
    return int(np.count_nonzero(shared[:-1]))


def of_same_sound(content_hashes: pa.ChunkedArray) -> int:
    """Return how many clips have the samples of another one."""
    counts = pc.value_counts(content_hashes).field("counts")
    return pc.sum(counts.filter(pc.greater(counts, 1))).as_py() or 0


def repetition_remark(clips: pa.Table, repeated_rows: int) -> str:
    """Return counts of all that repeats, as the end of a sentence; empty if nothing does."""
    counts = {
        "overlap": overlapping(clips["id"]),
        "of the same sound as another": of_same_sound(clips["content_hash"]),
        "repeated rows left out": repeated_rows,
    }
    return "".join(f", {count} {what}" for what, count in counts.items() if count)
