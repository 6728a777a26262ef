"""Commands on this installation: begin a folder to work in, describe the environment."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from pipeline.support.errors import InputError
from pipeline.workflow import CONFIG, FOLDER
from stores.files import write_bytes


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to work in; it is created if it is not there.")],
) -> None:
    """Write a folder to work in: the Snakefile, a configuration with the demos, and Snakemake's profile."""
    templates = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    targets = [folder / path.relative_to(FOLDER) for path in templates]
    if existing := [target for target in targets if target.exists()]:
        raise InputError(f"{existing[0]}: exists already; choose another folder, or move it away")
    for template, target in zip(templates, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, template.read_bytes())
        print(target)
    print(f"In {folder}: snakemake --cores all features; your own recordings are named in {folder / CONFIG}")


def doctor() -> None:
    """Say what this installation is made of, for a bug report."""
    import torch

    from pipeline.build.environment import environment
    from training.devices import device_of, dtype_of
    from training.settings import Training

    made_by = environment()
    for name, value in {
        "python": platform.python_version(),
        **{name: version(name) for name in ("otogura", "snakemake", "zarr", "torch")},
        **made_by["packages"],
        **{name: value for name, value in made_by.items() if name != "packages"},
        "training device": device_of(Training()),
        "training precision": str(dtype_of(Training())).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }.items():
        print(f"{name}: {value}")
