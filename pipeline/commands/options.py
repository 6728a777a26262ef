"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Work = Annotated[Path, typer.Option("--work-dir", help="The work_dir of the configuration.")]
Configfile = Annotated[
    list[Path] | None, typer.Option("--configfile", help="As Snakemake takes it; without it the shipped configuration.")
]
