"""What a run of Snakemake has left of what its jobs bring up to date, and what the jobs had to say."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.labels.mine import LABELS
from pipeline.workflow import Plan
from stores.files import read_json


def states(plan: Plan) -> dict[Path, tuple[bytes, int]]:
    """Content and modification time of what jobs update in place."""
    paths = {
        path
        for name in plan.config.experiments
        for path in (
            *([plan.labels_folder(name) / LABELS] if plan.tags(name) is not None else []),
            plan.index(name),
            plan.pointer(name),
            plan.split_record(name),
            plan.run_folder(name) / "metrics.json",
            plan.run_folder(name) / "report.html",
            plan.search_folder(name) / "best.yaml",
            plan.search_folder(name) / "search.html",
        )
    }
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths if path.is_file()}


def restored(before: Mapping[Path, tuple[bytes, int]]) -> list[Path]:
    """What was written anew since with the same content: no job of ours does that."""
    return [
        path
        for path, (content, time_ns) in before.items()
        if path.is_file() and path.stat().st_mtime_ns != time_ns and path.read_bytes() == content
    ]


def quarantined(plan: Plan) -> list[str]:
    """One line for each corpus that has been indexed and has bad recordings."""
    lines = []
    for folder in sorted({plan.index_folder(name) for name in plan.config.experiments}):
        summary = folder / "index.json"
        if summary.is_file() and (count := read_json(summary)["quarantined"]):
            lines.append(f"{folder.name}: {count} recordings quarantined, see {folder / 'quarantine.csv'}")
    return lines


def complaints(work: Path, since: float) -> list[str]:
    """The errors that jobs have logged since a time in seconds."""
    logs = (work / "logs").rglob("*.log")
    texts = [path.read_text() for path in sorted(logs) if path.stat().st_mtime >= since]
    return [line for text in texts for line in text.splitlines() if line.startswith("otogura: ")]
