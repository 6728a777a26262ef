"""Environment that the bytes of a tensor depend on besides its recording and its recipe: versions and the processor."""

import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import soundfile

# BLAS is not among them: `features.kernels.product` takes its place, so no byte depends on its sums.
PACKAGES = ("librosa", "llvmlite", "numba", "numcodecs", "numpy", "scipy", "soundfile", "soxr")


@cache
def environment(by_codecs: bool = False) -> dict[str, Any]:
    """Return `packages` (versions by name), `libsndfile`, `cpu`, and the processor that numba compiles for.

    Markers and manifests of stores hold it, so its keys are part of the store format. The package av is among the
    packages of clips that are decoded `by_codecs`, and of those alone.
    """
    return {
        "packages": {name: version(name) for name in (*PACKAGES, *(["av"] * by_codecs))},
        "libsndfile": soundfile.__libsndfile_version__,
        "cpu": processor(),
        "kernels_for": _compiled_for(),
    }


def processor() -> str:
    """Return the processor's model, or its architecture where the system does not tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def _compiled_for() -> str:
    """Return the name of the processor that numba compiles for."""
    from llvmlite.binding import get_host_cpu_name
    from numba import config

    return str(getattr(config, "CPU_NAME", None) or get_host_cpu_name())
