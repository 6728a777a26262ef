"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Work = Annotated[Path, typer.Option("--work-dir", help="Work folder, as work_dir in the configuration.")]
Configfile = Annotated[
    list[Path] | None,
    typer.Option(
        "--configfile",
        help="Configuration; may be repeated, as Snakemake takes it. By default config/config.yaml in this folder, or "
        "else the shipped one.",
    ),
]
StorePath = Annotated[Path, typer.Argument(help="Store, or folder of stores, below work/stores.")]
