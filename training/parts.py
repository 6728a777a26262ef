"""Parts that are found by their folders: networks, sources."""

from types import ModuleType
from typing import TypeVar

Class = TypeVar("Class")


def only_subclass(module: ModuleType, base: type[Class]) -> type[Class]:
    """Return the subclass of `base` that a module defines.

    Raises
    ------
    TypeError
        If the module defines none, or several.
    """
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        names = ", ".join(kind.__name__ for kind in classes) or "none"
        raise TypeError(f"{module.__name__}: expected one subclass of {base.__name__}, got {names}")
    return classes[0]
