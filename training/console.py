"""Console for progress bars, where there is one that can redraw a line."""

import sys
from importlib.util import find_spec
from multiprocessing import parent_process

from rich.console import Console


def bar_console() -> Console | None:
    """Return the terminal or the notebook that shows progress bars; None for files, pipes and worker processes.

    A notebook needs ipywidgets to redraw a bar.
    """
    if parent_process() is not None:  # it shares the terminal with others
        return None
    console = Console(stderr=True)
    if sys.stderr.isatty() or (console.is_jupyter and find_spec("ipywidgets") is not None):
        return console
    return None
