"""Commands on trained experiments."""

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.certificate.page import CERTIFICATE, is_certified
from pipeline.commands.options import Work
from pipeline.runs.events import EVENTS
from pipeline.runs.trackers import TRACKERS
from pipeline.support.logs import printed_log
from stores.files import read_json


def runs(
    work_dir: Work = Path("work"),
    certify: Annotated[
        str | None,
        typer.Option(
            "--certify",
            metavar="NAME",
            help="Train this experiment again, with kills and without, and write certificate.md and certificate.json "
            "into its folder.",
        ),
    ] = None,
    kills: Annotated[int, typer.Option(min=1, help="With --certify: kills on the way.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="With --certify: steps that are trained again, at most.")] = 50,
    seed: Annotated[
        int | None, typer.Option(min=0, help="With --certify: seed of the moments of the kills. By default a new one.")
    ] = None,
) -> None:
    """List the trained experiments with their scores on test clips, and where their reports are."""
    if certify is not None:
        _certify(work_dir, certify, kills, steps, secrets.randbelow(2**32) if seed is None else seed)
        return
    paths = sorted((work_dir / "runs").glob("*/metrics.json"))
    if not paths:
        print(f"{work_dir / 'runs'}: nothing has been trained", file=sys.stderr)
    for path in paths:
        metrics = read_json(path)
        scores = metrics.get("mean", metrics)
        name, label = ("map", "mAP") if "map" in scores else ("accuracy", "accuracy")
        value = f"{scores[name]:.3f}"
        if "sd" in metrics:
            value += f" ± {metrics['sd'][name]:.3f} over {len(metrics['folds'])} folds"
        value += ", certified" if is_certified(path.parent) else ""
        print(f"{path.parent.name}: test {label} {value}; report: {path.parent / 'report.html'}")


def _certify(work: Path, experiment: str, kills: int, steps: int, seed: int) -> None:
    from pipeline.certificate.certify import certify
    from pipeline.certificate.record import run_names

    failed = False
    with printed_log():
        for name in run_names(work, experiment):
            failures = certify(work, name, steps=steps, kills=kills, seed=seed)
            page = (work / "runs" / name / CERTIFICATE).with_suffix(".md")
            if failures:
                print(f"otogura: {name}: not certified: {'; '.join(failures)}; {page}", file=sys.stderr)
            else:
                print(f"{name}: certified; {page}")
            failed |= bool(failures)
    if failed:
        raise typer.Exit(1)


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
