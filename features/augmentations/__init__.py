"""The augmentations, one file each, named as the variant that it makes.

`draw` takes parameters from a generator, `apply` makes the waveform. Users' own lie in files of theirs (`own.py`).
"""

from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import pydantic.dataclasses

from features.augmentations.base import Augmentation
from features.strict import STRICT

__all__ = ["AUGMENTATIONS", "Augmentation", "Variants"]


NO_AUGMENTATIONS = ("base", "own")  # of the modules here


def _augmentation(name: str) -> type[Augmentation]:
    module = import_module(f"{__name__}.{name}")
    (augmentation,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and hasattr(value, "apply") and value.__module__ == module.__name__
    )
    return augmentation


AUGMENTATIONS: dict[str, type[Augmentation]] = dict(
    sorted(
        (
            (module.name, _augmentation(module.name))
            for module in iter_modules(__path__)
            if module.name not in NO_AUGMENTATIONS
        ),
        key=lambda item: item[1].order,
    )
)

if TYPE_CHECKING:

    @dataclass(frozen=True, init=False)
    class Variants:
        """The augmentations that are stored beside the original, by name; null leaves one out."""

        def __init__(self, **augmentations: Augmentation | dict[str, Any] | None) -> None: ...

        def __getattr__(self, name: str) -> Augmentation | None: ...

else:
    Variants = pydantic.dataclasses.dataclass(frozen=True, config=STRICT)(
        type(
            "Variants",
            (),
            {
                "__doc__": "The augmentations that are stored beside the original, by name; null leaves one out.",
                "__module__": __name__,
                "__annotations__": {name: kind | None for name, kind in AUGMENTATIONS.items()},
                **{name: kind() for name, kind in AUGMENTATIONS.items()},
            },
        )
    )
