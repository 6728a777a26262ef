"""Models by the names of their runs."""

from pathlib import Path

from pipeline.support.errors import InputError
from training.artefact import DESCRIPTION


def model_folder(named: str | Path, work: Path) -> Path:
    """Return the folder of a model.

    Parameters
    ----------
    named : str or path
        A folder with `model.json`, or the name of a run below `work/runs`; one fold of several as `name/fold-1`.
    work : Path

    Raises
    ------
    InputError
        If there is no such model. The text names those that there are.
    """
    for folder in (Path(named), work / "runs" / named):
        if (folder / DESCRIPTION).is_file():
            return folder
        if folds := sorted(path.parent for path in folder.glob(f"fold-*/{DESCRIPTION}")):
            raise InputError(f"{folder}: expected one model, found one for each fold; name one, such as {folds[0]}")
    runs = sorted(path.parent.name for path in (work / "runs").glob(f"*/{DESCRIPTION}"))
    listed = f"; trained below {work} are {', '.join(runs)}" if runs else f"; nothing has been trained below {work}"
    raise InputError(f"{named}: expected a run, its folder or another with {DESCRIPTION}, found none{listed}")
