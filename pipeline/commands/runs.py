"""Commands on trained experiments."""

import sys
from pathlib import Path

from pipeline.commands.options import Work
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
