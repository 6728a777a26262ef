"""Commands on this installation: begin a folder to work in, describe the environment."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import Work
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


def doctor(work_dir: Work = Path("work")) -> None:
    """Say what this installation is made of, for a bug report, and what is wrong with it.

    Exit code 1 if anything is wrong.
    """
    from pipeline.support.health import description, problems

    for name, value in description(work_dir).items():
        print(f"{name}: {value}")
    found = problems(work_dir)
    for problem in found:
        print(f"problem: {problem}", file=sys.stderr)
    if found:
        raise typer.Exit(1)
