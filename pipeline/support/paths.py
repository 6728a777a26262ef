"""Paths that a user writes."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def real_path(path: Path) -> Path:
    """Return the absolute path without symbolic links; links that lead to themselves stay."""
    return Path(os.path.realpath(path))  # `Path.resolve` raises where a link leads to itself


def _expanded(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("expected a path without zero bytes")
    try:
        return path.expanduser()
    except RuntimeError:  # ~ of an unknown user
        raise ValueError("expected the name of a user after ~, or a whole path") from None


# Relative to where the command runs; ~ is the user's home.
UserPath = Annotated[Path, AfterValidator(_expanded)]
