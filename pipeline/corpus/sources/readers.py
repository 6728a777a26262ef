"""Readers of corpora, found by the names of their sources."""

from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.corpus.recordings import Recording
from pipeline.corpus.sources import SOURCES
from pipeline.corpus.sources.base import Source, StoredCorpus
from pipeline.corpus.sources.own import OwnCorpus
from pipeline.corpus.sources.own_source import OwnSource
from pipeline.support.errors import InputError
from training.parts import only_subclass


def source_of(corpus: StoredCorpus, config_path: str) -> Source[Any]:
    """Return the reader of a corpus; `config_path` names its part of the configuration in messages."""
    if isinstance(corpus, OwnCorpus):
        return OwnSource(corpus, config_path)
    return _reader_class(corpus.source)(corpus, config_path)


def _reader_class(source: str) -> type[Source[Any]]:
    return only_subclass(import_module(f"pipeline.corpus.sources.{source}.source"), Source)  # type: ignore[type-abstract]


def recording_at(path: Path) -> Recording:
    """Return the recording that a path names.

    Parameters
    ----------
    path : Path
        An audio file, a part of it as `file[2/3]`, a record of a JSON file as `file.json#12`, or a row of a Parquet
        file as `file.parquet#12`.

    Raises
    ------
    InputError
        If no source knows such a recording.
    """
    for name, kind in SOURCES.items():
        if issubclass(kind, StoredCorpus) and (recording := _reader_class(name).recording_at(path)) is not None:
            return recording
    raise InputError(
        f"{path}: no such file; expected a recording, its part file[2/3], a record file.json#12, or a row "
        "file.parquet#12"
    )
