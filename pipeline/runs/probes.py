"""Linear probes on embeddings that have learned and tested on the same clips as a run, as baselines beside it."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.evaluation.linear_baseline import beside
from training.evaluation.prediction_table import PREDICTIONS, read_predictions

PROBES = "probes"  # in metrics.json

log = logging.getLogger("otogura")


def beside_probes(runs: Sequence[Path], probes: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """Return the section of metrics.json: for each probe its scores, and the differences of the network to it.

    A probe that tested other recordings is left out with a warning.

    Parameters
    ----------
    runs : sequence of Path
        Folder of each fold of the network, which has its predictions; one folder without folds.
    probes : mapping
        The same of each probe, by the name of its experiment.
    """
    networks = [read_predictions(run / PREDICTIONS) for run in runs]
    section = {}
    for name, folders in probes.items():
        tables = [read_predictions(folder / PREDICTIONS) for folder in folders]
        if [table.identity for table in tables] != [network.identity for network in networks]:
            log.warning("warning: %s: the probe %s tested other recordings, and is no baseline", runs[0].name, name)
            continue
        section[name] = beside([network.clips for network in networks], [table.clips for table in tables])
    return section
