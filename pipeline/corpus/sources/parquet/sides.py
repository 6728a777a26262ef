"""Sides by the names of files, as the Hugging Face hub names the splits of a data set."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from pipeline.corpus.sources.audio.table import SIDE_NAMES

_WORD = re.compile(r"[^\W\d_]+")
_SIDES = SIDE_NAMES | {"testing": "test", "evaluation": "test"}
_VERBS = {"train": "train", "validation": "validate", "test": "test"}


def side_by_name(file: str) -> str | None:
    """Return the side that a file's name says, or else that of the nearest folder whose name says one."""
    path = PurePosixPath(file)
    for name in (path.stem, *(folder.name for folder in path.parents)):
        sides = {_SIDES[word] for word in _WORD.findall(name.lower()) if word in _SIDES}
        if len(sides) == 1:
            return sides.pop()
    return None


def sides_by_name(files: Sequence[str]) -> dict[str, str | None]:
    """Return the sides of files, None for each if their names give none to test on.

    Files that validate test where none does. Raises `ValueError` where some names say a side and others say none.
    """
    sides = {file: side_by_name(file) for file in files}
    said = set(sides.values()) - {None}
    if "train" not in said or said == {"train"}:
        return dict.fromkeys(files)
    if silent := [file for file, side in sides.items() if side is None]:
        spoken, side = next((file, side) for file, side in sides.items() if side is not None)
        raise ValueError(
            f"the name of {spoken} says that it is to {_VERBS[side]}, and that of {silent[0]} says none of this; "
            "rename it, or say sides_by_name: false"
        )
    if "test" not in said:
        return {file: "test" if side == "validation" else side for file, side in sides.items()}
    return dict(sides)
