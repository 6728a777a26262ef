"""Limit of the memory of this process."""

import resource
import sys
from pathlib import Path


def limit_memory(allowed_bytes: int) -> None:
    """Let the process take so much memory more than it has; what asks for more gets a `MemoryError`.

    The limit is on private data. One on addresses would count the files and reservations of torch and CUDA as well.
    """
    if sys.platform != "linux":  # others do not count it
        return
    stated = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    limit = int(stated["VmData"].split()[0]) * 1024 + allowed_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
