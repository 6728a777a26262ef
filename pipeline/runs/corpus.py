"""Corpus of a run, as the trained model describes it."""

from hashlib import blake2b
from itertools import chain

import numpy as np
import pyarrow as pa

from pipeline.corpus.recordings import split_name
from stores.reader import Store
from training.artefact import LearnedCorpus


def learned_corpus(store: Store, clips: pa.Table | None = None, sample_rate_hz: int | None = None) -> LearnedCorpus:
    """Return the description of a store's corpus.

    Parameters
    ----------
    store : Store
    clips : pyarrow.Table, optional
        The corpus's index, whose columns `samples` and `sample_rate_hz` tell the longest recording.
    sample_rate_hz : int, optional
        Rate of JSON records that state none.
    """
    segments = split_name(store.rows["id"][0].as_py())[2]
    return LearnedCorpus(
        name=store.manifest["corpus"],
        identity=corpus_identity(store.rows),
        clips=len(store),
        segments=segments,
        longest_s=None if clips is None else _longest_s(clips, segments),
        sample_rate_hz=sample_rate_hz,
    )


def corpus_identity(rows: pa.Table) -> str:
    """Return a hash of the names, labels and contents of all clips, whatever their order: 32 hexadecimal digits."""
    hasher = blake2b(digest_size=16)
    for batch in rows.select(["id", "label", "content_hash"]).sort_by("id").to_batches(max_chunksize=4096):
        columns = (column.to_pylist() for column in batch.columns)
        hasher.update("\0".join(map(str, chain.from_iterable(zip(*columns, strict=True)))).encode())
    return hasher.hexdigest()


def _longest_s(clips: pa.Table, segments: int) -> float | None:
    """Return a bound of the duration of the longest recording in s, exact unless it is cut; None without a rate."""
    samples, rates_hz = (clips[name].to_numpy() for name in ("samples", "sample_rate_hz"))
    if not len(clips) or not (rates_hz > 0).all():  # ready-made spectrograms
        return None
    bound = samples if segments == 1 else (samples + 1) * segments  # parts differ by one sample
    return float(np.max(bound / rates_hz))
