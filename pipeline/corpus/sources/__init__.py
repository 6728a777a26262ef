"""Sources of recordings, one folder each: `settings.py`, a reader and its recordings.

The folders are the list of sources: their settings make up the type of `corpus:` in a configuration.
"""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, TypeAlias, Union

from pydantic import Field

from pipeline.corpus.sources.base import CorpusSettings, StoredCorpus
from training.parts import only_subclass

SOURCES: dict[str, type[CorpusSettings]] = {
    part.name: only_subclass(import_module(f"{__name__}.{part.name}.settings"), CorpusSettings)  # type: ignore[type-abstract]
    for part in pkgutil.iter_modules(__path__)
    if part.ispkg
}
_STORED: list[type[StoredCorpus]] = [kind for kind in SOURCES.values() if issubclass(kind, StoredCorpus)]

if TYPE_CHECKING:
    AnyCorpus: TypeAlias = StoredCorpus
else:
    AnyCorpus = Annotated[Union[tuple(_STORED)], Field(discriminator="source")]  # noqa: UP007  # of a list
