"""Tables of the settings in which runs on one corpus differ."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stores.files import read_json
from training.report.fold_folders import single_folders
from training.report.page import Panel

SETTINGS = "settings.json"  # in the folder of each single run


def settings_sections(results: Mapping[Path, Mapping[str, Any]]) -> list[Panel]:
    """Return a table for each corpus whose runs differ in a setting, with a row for each such setting.

    `results` are the metrics of each run, by its folder.
    """
    by_corpus: dict[str, dict[str, dict[str, str]]] = {}
    missing = []
    for run, metrics in results.items():
        try:
            settings = dict(_flat(read_json(single_folders(run, metrics)[0] / SETTINGS)))
        except (OSError, ValueError):  # of an earlier version, damaged
            missing.append(run.name)
        else:
            by_corpus.setdefault(settings["corpus"], {})[run.name] = settings
    more = f" Not known of {', '.join(missing)}, which no sound {SETTINGS} describes." if missing else ""
    sections = []
    for corpus, by_run in by_corpus.items():
        names = sorted({name for settings in by_run.values() for name in settings})
        rows = [[name, *(settings.get(name, "") for settings in by_run.values())] for name in names]
        if differing := [row for row in rows if len(set(row[1:])) > 1]:
            note = (
                f"Runs on {corpus}: all other settings are the same. An empty cell: the run has no such setting.{more}"
            )
            sections.append(Panel("Settings that differ", note, columns=("setting", *by_run), rows=differing))
    return sections


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting as text, by names such as `training.epochs`."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
