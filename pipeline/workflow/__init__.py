"""The workflow of Snakemake: its plan, its jobs and its rules."""

from pathlib import Path

SNAKEFILE = str(Path(__file__).parent / "rules" / "Snakefile")
FOLDER = Path(__file__).parent / "folder"  # as `otogura init` writes it, and as a clone is one
CONFIG = Path("config") / "config.yaml"  # of such a folder
