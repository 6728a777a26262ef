"""Sources of recordings, one folder each: `settings.py`, a reader and its recordings.

The folders are the list of sources: their settings make up the type of `corpus:` in a configuration.
"""

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, TypeAlias, Union

from pydantic import Field

from pipeline.corpus.recordings import Recording
from pipeline.corpus.sources.base import CorpusSettings, Source, StoredCorpus
from pipeline.support.errors import InputError


def _settings_in(module: ModuleType) -> type[CorpusSettings]:
    """Return the subclass of `CorpusSettings` that a module defines. Raises `TypeError` unless it is just one."""
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, CorpusSettings) and kind.__module__ == module.__name__
    ]
    if len(kinds) != 1:
        raise TypeError(f"{module.__name__}: expected one subclass of CorpusSettings, found {len(kinds)}")
    return kinds[0]


SOURCES: dict[str, type[CorpusSettings]] = {
    part.name: _settings_in(import_module(f"{__name__}.{part.name}.settings"))
    for part in pkgutil.iter_modules(__path__)
    if part.ispkg
}
_STORED: list[type[StoredCorpus]] = [kind for kind in SOURCES.values() if issubclass(kind, StoredCorpus)]

if TYPE_CHECKING:
    AnyCorpus: TypeAlias = StoredCorpus
else:
    AnyCorpus = Annotated[Union[tuple(_STORED)], Field(discriminator="source")]  # noqa: UP007  # of a list


def source_of(corpus: StoredCorpus, config_path: str) -> Source:
    """Return the reader of a corpus; `config_path` names its part of the configuration in messages."""
    return corpus.reader(config_path)


def recording_at(path: Path) -> Recording:
    """Return the recording that a path names.

    Parameters
    ----------
    path : Path
        An audio file, a part of it as `file[2/3]`, or a record of a JSON file as `file.json#12`.

    Raises
    ------
    InputError
        If no source knows such a recording.
    """
    for kind in _STORED:
        if (recording := kind.recording_at(path)) is not None:
            return recording
    raise InputError(f"{path}: no such file; expected a recording, its part file[2/3], or a record file.json#12")
