"""Commands on trained experiments."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import Work
from pipeline.runs.events import EVENTS
from pipeline.runs.trackers import TRACKERS
from stores.files import read_json


def runs(work_dir: Work = Path("work")) -> None:
    """List the trained experiments with their scores on test clips, and where their reports are."""
    paths = sorted((work_dir / "runs").glob("*/metrics.json"))
    if not paths:
        print(f"{work_dir / 'runs'}: nothing has been trained", file=sys.stderr)
    for path in paths:
        metrics = read_json(path)
        accuracy = f"{metrics.get('mean', metrics)['accuracy']:.3f}"
        if "sd" in metrics:
            accuracy += f" ± {metrics['sd']['accuracy']:.3f} over {len(metrics['folds'])} folds"
        print(f"{path.parent.name}: test accuracy {accuracy}; report: {path.parent / 'report.html'}")


def track(
    run: Annotated[Path, typer.Argument(help="Folder of a run, below work/runs.")],
    to: Annotated[str, typer.Option("--to", help=f"Tracker: {', '.join(TRACKERS)}.")],
    uri: Annotated[
        str | None,
        typer.Option(
            "--uri",
            help="Folder for tensorboard, database or server for mlflow, server or `offline` for clearml and wandb; by "
            "default the tracker's own settings.",
        ),
    ] = None,
) -> None:
    """Send a run to an experiment tracker; what the tracker has already is not sent twice."""
    from pipeline.runs.follow import replay

    folds = [] if (run / EVENTS).is_file() else sorted(path.parent for path in run.glob(f"fold-*/{EVENTS}"))
    for folder in folds or [run]:
        print(f"{folder}: {replay(folder, to, uri)} epochs are in {to}")
