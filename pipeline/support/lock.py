"""One writer at a time: a lock that the operating system gives back when its holder ends, however it ends."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("otogura")


@contextmanager
def exclusive(path: Path) -> Iterator[int]:
    """Hold the lock file at `path`; while another process holds it, say which one and wait.

    Gives the number of the open file: processes that keep it open hold the lock as well.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            log.info("%s: waiting for process %s, which is writing it", path.stem, file.read() or "?")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()
