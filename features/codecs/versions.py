"""Version of the decoder in the package av, which other modules ask for without loading it."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def decoder_version() -> str:
    """Return the version of the package av, whose wheels hold FFmpeg; empty if it is not installed."""
    try:
        return version("av")
    except PackageNotFoundError:
        return ""
