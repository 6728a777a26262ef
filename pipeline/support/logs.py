"""Log lines of a command or a notebook, which has no log of its own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("otogura")


@contextmanager
def printed_log() -> Iterator[None]:
    """Print what otogura logs to the standard error, unless the program has its log written already."""
    if log.hasHandlers():
        yield
        return
    handler, level = logging.StreamHandler(), log.level
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
