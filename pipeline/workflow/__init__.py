"""The workflow of Snakemake: its plan, its jobs and its rules."""
