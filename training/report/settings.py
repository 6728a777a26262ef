"""Table of the settings in which runs differ."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stores.files import read_json
from training.report.fold_folders import single_folders
from training.report.page import Panel

SETTINGS = "settings.json"  # in the folder of each single run


def settings_section(results: Mapping[Path, Mapping[str, Any]]) -> list[Panel]:
    """Return a table with a row for each setting in which runs differ, if there is one.

    `results` are the metrics of each run, by its folder.
    """
    settings, missing = {}, []
    for run, metrics in results.items():
        try:
            settings[run.name] = dict(_flat(read_json(single_folders(run, metrics)[0] / SETTINGS)))
        except (OSError, ValueError):  # of an earlier version, damaged
            missing.append(run.name)
    names = sorted({name for of_run in settings.values() for name in of_run})
    rows = [[name, *(of_run.get(name, "") for of_run in settings.values())] for name in names]
    differing = [row for row in rows if len(set(row[1:])) > 1]
    if not differing:
        return []
    note = "Settings in which these runs differ; all others are the same. An empty cell: there is no such setting."
    if missing:
        note += f" Not known of {', '.join(missing)}, which no sound {SETTINGS} describes."
    return [Panel("Settings that differ", note, columns=("setting", *settings), rows=differing)]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting as text, by names such as `training.epochs`."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
