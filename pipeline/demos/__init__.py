"""Corpora that the project synthesises, one module each, in the real on-disk formats of its systems.

The modules are the list of demos: `corpus: {source: demo, name: <module>}` in a configuration names one of them.
"""

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

HELPERS = frozenset({"synthesis"})  # no demos
NAMES = tuple(part.name for part in pkgutil.iter_modules(__path__) if part.name not in HELPERS)


class Demo(Protocol):
    """Module of a demo.

    Attributes
    ----------
    VERSION : int
        Raised whenever the bytes that `write` writes change: all that is made of them is then made again.
    """

    VERSION: int

    def corpus(self, root: Path) -> dict[str, Any]:
        """Return the `corpus:` section by which the demo is read once it lies below `root`, as a user writes it."""
        ...

    def write(self, root: Path, done: Path) -> None:
        """Write the demo below `root`, the same bytes each time, and then the file `done`, which says so."""
        ...


def demo(name: str) -> Demo:
    """Return the demo of a name, one of `NAMES`."""
    # Imported when it is asked for: the Snakefile asks for those that are configured, and some need audio libraries.
    return cast(Demo, import_module(f"{__name__}.{name}"))
