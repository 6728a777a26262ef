"""Labels of one clip as text: several stand between semicolons, as in `dog;rain`."""

from collections.abc import Iterable
from itertools import pairwise

SEPARATOR = ";"


def label_names(text: str) -> tuple[str, ...]:
    """Return the names of the labels in a text, sorted. Raises `ValueError` where one is blank or repeated."""
    return _sorted([name.strip() for name in text.split(SEPARATOR)])


def label_text(names: Iterable[str]) -> str:
    """Return the labels of one clip as text, sorted: the inverse of `label_names`.

    Raises `ValueError` where there is none, or one is blank, repeated or holds a semicolon.

    Examples
    --------
    >>> label_text(["rain", "dog"])
    'dog;rain'
    """
    stripped = [name.strip() for name in names]
    if not stripped:
        raise ValueError("expected one label or more, got none")
    for name in stripped:
        if SEPARATOR in name:
            raise ValueError(f"expected labels without {SEPARATOR!r}, which stands between them, got {name!r}")
    return SEPARATOR.join(_sorted(stripped))


def _sorted(names: list[str]) -> tuple[str, ...]:
    if not all(names):
        raise ValueError("expected a name for each label, got a blank one")
    in_order = sorted(names)
    for name, following in pairwise(in_order):
        if name == following:
            raise ValueError(f"expected each label once, got {name!r} twice")
    return tuple(in_order)
