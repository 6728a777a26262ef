"""Folders of the runs that an experiment consists of: its own, or one for each fold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def fold_folder(run: Path, fold: int) -> Path:
    return run / f"fold-{fold}"


def single_folders(run: Path, metrics: Mapping[str, Any]) -> list[Path]:
    """Return the folder of each single run behind the metrics of an experiment."""
    return [fold_folder(run, fold) for fold in metrics["folds"]] if "folds" in metrics else [run]
