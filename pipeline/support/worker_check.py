"""Check of a dask worker before each task: its versions, its threads, and whether it sees the files.

The source of this module goes along with every task (`pipeline/support/cluster.py`) and runs in workers of any version,
also where otogura is not installed. So it imports the standard library and dask alone, until versions are compared.
"""

import hashlib
import os
import pickle
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

OTOGURA = "otogura"
SOURCES = ("features", "pipeline", "stores", "training")
_CACHE = "_otogura_worker_versions"  # a name in sys.modules, since this module itself is made anew for each task


def guarded(
    call: bytes, expected: dict[str, str], code: list[str], read: list[str], written: list[str]
) -> tuple[str, str, Any]:
    """Return `("done", address, result)` of a pickled call, or `("refused", address, reason)` without running it.

    The call has one thread.

    Parameters
    ----------
    call : bytes
        Pickled pair of a function and its argument; unpickled only where versions are those that are expected.
    expected : dict
        Versions by name, as `versions` returns them.
    code : list of str
        Source files whose content is part of the version, relative to the folder of their packages.
    read, written : list of str
        Absolute paths that the call reads, and folders that it writes to.
    """
    from dask.distributed import get_worker

    worker = get_worker()
    if reason := _threads(worker.state.nthreads) or _other_versions(expected, code) or _unseen(read, written):
        return "refused", worker.address, reason
    from threadpoolctl import threadpool_limits

    function, task = pickle.loads(call)  # noqa: S301  # of the client
    with threadpool_limits(limits=1):
        return "done", worker.address, function(task)


def versions(packages: list[str], code: list[str], digests: dict[str, str]) -> dict[str, str]:
    """Return the versions of Python, of otogura with a digest of source files, of packages and of libsndfile.

    `digests` are those of all source files, as `source_digests` returns them.
    """
    digest = hashlib.blake2b("".join(f"{name} {digests.get(name)}\n" for name in code).encode(), digest_size=4)
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    found[OTOGURA] = f"{_version(OTOGURA)} (code {digest.hexdigest()})" if digests else "none"
    found |= {name: _version(name) for name in packages}
    if find_spec("soundfile"):
        import soundfile

        found["libsndfile"] = soundfile.__libsndfile_version__
    return found


def source_digests() -> dict[str, str]:
    """Return a digest of each source file of otogura by its name, as `features/audio.py`; none where there are none."""
    digests = {}
    for package in SOURCES:
        spec = find_spec(package)
        for folder in map(Path, (spec.submodule_search_locations or ()) if spec is not None else ()):
            for path in folder.rglob("*.py"):
                digest = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
                digests[f"{package}/{path.relative_to(folder).as_posix()}"] = digest
    return digests


def _other_versions(expected: dict[str, str], code: list[str]) -> str:
    """Return which versions differ, or nothing."""
    worker: Any = sys.modules.setdefault(_CACHE, ModuleType(_CACHE))
    if not hasattr(worker, "digests"):  # of the first task: a later edit of a module that is imported has no effect
        worker.digests = source_digests()
    found = versions([name for name in expected if name not in ("python", OTOGURA, "libsndfile")], code, worker.digests)
    other = [name for name in expected if found.get(name, "none") != expected[name]]
    if not other:
        return ""
    here, there = (", ".join(f"{name} {of.get(name, 'none')}" for name in other) for of in (expected, found))
    return f"expected {here}, as the command has, got {there}; install the same versions there and start it again"


def _threads(count: int) -> str:
    return f"expected workers of one thread each, got one of {count}; start it with --nthreads 1" if count > 1 else ""


def _unseen(read: list[str], written: list[str]) -> str:
    """Return which path this worker does not see or cannot write to, or nothing."""
    for path in [*written, *read]:
        if not os.path.exists(path):
            return f"{path}: not seen there; mount the same storage at the same path, and start the worker again"
        if not os.access(path, os.W_OK if path in written else os.R_OK):
            access = "written" if path in written else "read"
            return f"{path}: cannot be {access} there; change its permissions, and start the worker again"
    return ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
