"""Sources of recordings, one folder each: `settings.py`, a reader and its recordings.

The folders are the list of sources: their settings make up the type of `corpus:` in a configuration. Users' own are
classes in files of theirs (`own.py`).
"""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union

from pydantic import Field, SerializeAsAny, ValidatorFunctionWrapHandler, WrapValidator

from features.own import CLASS
from pipeline.corpus.sources.base import CorpusSettings, StoredCorpus
from pipeline.corpus.sources.own import OwnCorpus, own_corpus
from training.parts import only_subclass

SOURCES: dict[str, type[CorpusSettings]] = {
    part.name: only_subclass(import_module(f"{__name__}.{part.name}.settings"), CorpusSettings)  # type: ignore[type-abstract]
    for part in pkgutil.iter_modules(__path__)
    if part.ispkg
}
_STORED: list[type[StoredCorpus]] = [kind for kind in SOURCES.values() if issubclass(kind, StoredCorpus)]


def own_or_built_in(value: Any, built_in: ValidatorFunctionWrapHandler) -> CorpusSettings:
    """Return the settings of a corpus whose reader is a user's own class, or one that is there."""
    if isinstance(value, OwnCorpus):
        return value
    if isinstance(value, dict) and CLASS in value:
        return own_corpus(value)
    corpus: CorpusSettings = built_in(value)
    return corpus


if TYPE_CHECKING:
    AnyCorpus: TypeAlias = StoredCorpus
else:
    AnyCorpus = SerializeAsAny[
        Annotated[
            Union[tuple(_STORED)],  # noqa: UP007  # of a list
            Field(discriminator="source"),
            WrapValidator(own_or_built_in),
        ]
    ]
