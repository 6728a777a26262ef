"""Predictions of whole recordings, from those of their clips."""

from pipeline.corpus.recordings import whole_name
from pipeline.runs.run import Run
from training.evaluation.predictions import Predictions, averaged


def of_recordings(predictions: Predictions, run: Run) -> tuple[Predictions, list[str]]:
    """Return the predictions of whole recordings, and their names."""
    ids = run.store.rows["id"].take(predictions.rows).to_pylist()
    return averaged(predictions, [whole_name(name) for name in ids])
