"""Health of an installation: its parts, and what is wrong with them and how to mend it."""

import os
import platform
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import torch
from packaging.requirements import Requirement

from pipeline.build.environment import environment
from training.devices import device_name, device_of, dtype_of
from training.settings import Training

LEAST_FREE_GB = 5.0  # an hour of music in six variants takes two
SHOWN = ("otogura", "snakemake", "zarr", "torch")
NEEDED_FORMATS = ("WAV", "FLAC", "OGG", "MP3")


def description(work: Path) -> dict[str, Any]:
    """Return the parts of this installation by name, as a bug report states them."""
    made_by = environment()
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        **{name: version(name) for name in SHOWN},
        **made_by["packages"],
        **{name: value for name, value in made_by.items() if name != "packages"},
        "training device": device_of(Training()),
        "name of the device": device_name(device_of(Training())),
        "training precision": str(dtype_of(Training())).removeprefix("torch."),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "compiled kernels": _cache() or "nowhere",
        "work folder": f"{work.resolve()}, {_free_gb(work):.1f} GB free",
    }


def problems(work: Path) -> list[str]:
    """Return what is wrong, each with the way to mend it; nothing if all is well."""
    return [*_packages(), *_formats(), *_kernels(), *_folder(work), *_gpu()]


def _packages() -> Iterator[str]:
    for text in requires("otogura") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            installed = ""
        if not installed or not requirement.specifier.contains(installed, prereleases=True):
            yield (
                f"{requirement.name}: expected {requirement.specifier or 'any version'}, got {installed or 'none'}; "
                f"pip install --constraint constraints.txt --editable ."
            )


def _formats() -> Iterator[str]:
    import soundfile

    if missing := [name for name in NEEDED_FORMATS if name not in soundfile.available_formats()]:
        yield (
            f"libsndfile {soundfile.__libsndfile_version__}: expected one that reads {', '.join(NEEDED_FORMATS)}, it "
            f"lacks {', '.join(missing)}; remove the system's from the path, or pip install --force soundfile"
        )


def _kernels() -> Iterator[str]:
    if _cache() is None:
        yield (
            "compiled kernels: neither the packages nor the user's cache can be written, and without a place for them "
            "nothing is computed; set NUMBA_CACHE_DIR to a folder of your own"
        )


def _folder(work: Path) -> Iterator[str]:
    existing = _existing(work)
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        yield f"work folder: {existing} cannot be written; change its permissions, or name another as work_dir"
    elif (free_gb := _free_gb(work)) < LEAST_FREE_GB:
        yield f"work folder: {free_gb:.1f} GB are free in {existing}; make room, or name a folder elsewhere as work_dir"


def _gpu() -> Iterator[str]:
    """Yield the problem of a machine with a GPU that torch cannot use."""
    driver = Path("/proc/driver/nvidia/version")
    if driver.is_file() and not torch.cuda.is_available():
        number = re.search(r"Kernel Module\D*([\d.]+)", driver.read_text(errors="replace"))
        yield (
            f"GPU: its driver {number[1] if number else ''} is there, but torch {torch.__version__} cannot use it; "
            "install the build of torch for this driver, see https://pytorch.org/get-started/locally"
        )


def _cache() -> str | None:
    """Return the folder in which numba keeps the compiled kernels; None where it finds none to write to."""
    try:
        from features.kernels.mel import mel_power
    except RuntimeError:
        return None
    return str(mel_power.stats.cache_path)  # type: ignore[attr-defined]  # of numba's dispatcher


def _free_gb(work: Path) -> float:
    return shutil.disk_usage(_existing(work)).free / 1e9


def _existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that exists."""
    folder = folder.resolve()
    return next(path for path in (folder, *folder.parents) if path.exists())
