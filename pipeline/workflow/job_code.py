"""Inputs of a rule that are no data: the files whose edit runs its job again."""

import ast
from functools import cache
from pathlib import Path

from training.imports import ROOT, imported_files, imported_modules

MAIN = ROOT / "pipeline" / "__main__.py"


def job_code(job: str, *patterns: str) -> list[Path]:
    """Return the source files that `python -m pipeline JOB` runs, by its imports, and files that match `patterns`.

    Parameters
    ----------
    job : str
        As in `pipeline.__main__.JOBS`; its function there is called `_JOB`.
    patterns : str
        Files that are no modules, such as templates, below the folder of the packages.

    Raises
    ------
    ValueError
        If there is no such job, or a pattern matches no file: an input that is not there would never run a job again.
    """
    data: list[Path] = []
    for pattern in patterns:
        if not (matches := sorted(ROOT.glob(pattern))):
            raise ValueError(f"{pattern}: expected a file below {ROOT} for the job {job}, found none")
        data += matches
    top, functions = _main()
    if f"_{job}" not in functions:
        raise ValueError(f"{job}: expected the name of a job, that is of a function _{job} in {MAIN}")
    return [MAIN, *imported_files(top | functions[f"_{job}"]), *data]


@cache
def _main() -> tuple[set[str], dict[str, set[str]]]:
    """Modules that `pipeline.__main__` imports for every job, and those that each of its functions imports."""
    top, functions = set(), {}
    for node in ast.parse(MAIN.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = imported_modules(node)
        else:
            top |= imported_modules(node)
    return top, functions
