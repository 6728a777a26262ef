"""Settings of a run as JSON, `settings.json`: all of its configuration that bears on the result."""

from pathlib import Path
from typing import Any

from pipeline.runs.run import Run
from stores.files import write_json
from training.report.settings import SETTINGS


def write_settings(folder: Path, run: Run, init_from: Path | None) -> None:
    """Write the settings of a run into its folder."""
    manifest = run.store.manifest
    settings: dict[str, Any] = {
        **run.setup.model_dump(mode="json"),
        "corpus": manifest["corpus"],
        "recipe": manifest["recipe"],
        "init_from": None if init_from is None else init_from.name,
    }
    write_json(folder / SETTINGS, settings)
