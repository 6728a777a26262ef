"""Networks, one folder each: `settings.py`, which imports no torch, and `network.py`.

The folders are the list of networks: their settings make up the type of `model:` in a configuration, and its defaults.
Networks of users' own have theirs from the signatures of their classes (`own.py`).
"""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union

from pydantic import Field, SerializeAsAny, ValidatorFunctionWrapHandler, WrapValidator

from features.own import CLASS
from training.models.base import NetworkSettings
from training.models.own import OwnModel, own_settings
from training.parts import only_subclass

MODELS: dict[str, type[NetworkSettings]] = {
    part.name: only_subclass(import_module(f"{__name__}.{part.name}.settings"), NetworkSettings)
    for part in pkgutil.iter_modules(__path__)
    if part.ispkg
}
DEFAULT = "resnet_attention"  # of corpora that no network names as its own


def _own_or_built_in(value: Any, built_in: ValidatorFunctionWrapHandler) -> NetworkSettings:
    if isinstance(value, OwnModel):
        return value
    if isinstance(value, dict) and CLASS in value:
        return own_settings(value)
    settings: NetworkSettings = built_in(value)
    return settings


if TYPE_CHECKING:
    Model: TypeAlias = NetworkSettings
else:
    Model = SerializeAsAny[
        Annotated[
            Union[tuple(MODELS.values())],  # noqa: UP007  # of a list
            Field(discriminator="name"),
            WrapValidator(_own_or_built_in),
        ]
    ]


def model_for(words: Iterable[str]) -> str:
    """Return the name of the network that a corpus is learned by unless a user names one.

    Parameters
    ----------
    words : iterable of str
        Source, demo and table of the corpus; the first that a network has among its `corpora` decides.
    """
    by_corpus = {word: name for name, kind in MODELS.items() for word in kind.corpora}
    return next((by_corpus[word] for word in words if word in by_corpus), DEFAULT)
