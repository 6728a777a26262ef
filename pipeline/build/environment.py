"""Environment that the bytes of a tensor depend on besides its recording and its recipe: versions and the processor."""

import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import soundfile

# BLAS is not among them: no byte depends on its sums.
PACKAGES = ("librosa", "llvmlite", "numba", "numcodecs", "numpy", "scipy", "soundfile", "soxr")


@cache
def environment() -> dict[str, Any]:
    """Return the versions, the processor, and the one that the kernels are compiled for, of this process."""
    return {
        "packages": {name: version(name) for name in PACKAGES},
        "libsndfile": soundfile.__libsndfile_version__,
        "cpu": _cpu(),
        "kernels_for": _compiled_for(),
    }


def _cpu() -> str:
    """The processor's model, or its architecture where the system does not tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def _compiled_for() -> str:
    from llvmlite.binding import get_host_cpu_name
    from numba import config

    return str(getattr(config, "CPU_NAME", None) or get_host_cpu_name())
