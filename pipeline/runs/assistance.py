"""Part that all ranks but the first have in a run: they train and predict with it, and write nothing."""

from pathlib import Path

from pipeline.corpus.sides import TEST, VALIDATION, Sides
from pipeline.runs.fitting import fit_run, predict_side
from pipeline.runs.leak import claimed_predictions
from pipeline.runs.run import Run


def assist(folder: Path, run: Run, sides: Sides, init_from: Path | None, until: float | None) -> None:
    """Train, and predict, in the order in which `train_single` does on the first rank."""
    with run.ranks.watched():
        training = run.setup.training
        network = fit_run(folder, sides, run, init_from, until=until).network
        predict_side(network, TEST, sides, run)
        if training.validates:
            predict_side(network, VALIDATION, sides, run)
        if training.leak_meter:
            claimed_predictions(folder, sides, run, init_from, until)
