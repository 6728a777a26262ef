"""Command that trains one experiment on several machines."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.support.errors import InputError
from training.errors import TrainingError

log = logging.getLogger("otogura")


def train(
    experiment: Annotated[str, typer.Argument(help="Experiment of the configuration.")],
    configfile: Annotated[
        Path | None, typer.Option("--configfile", help="Configuration. By default config/config.yaml in this folder.")
    ] = None,
) -> None:
    """Train an experiment as one of the processes that torchrun starts, on several machines."""
    if "RANK" not in os.environ:
        raise InputError(f"expected to be started by torchrun; on one machine, say snakemake train_{experiment}")
    from pipeline.workflow.notebook import planned, train_from
    from pipeline.workflow.plan import default_config
    from training.ranks import joined

    first = os.environ["RANK"] == "0"  # which prints, for all
    if not first:
        log.addHandler(logging.NullHandler())
    config = configfile or default_config()
    try:
        _, target = planned(config, experiment)
        with joined(target.experiment.training.device) as ranks:
            train_from(config, experiment, ranks)
    except (InputError, TrainingError) as error:
        if first:
            print(f"otogura: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
