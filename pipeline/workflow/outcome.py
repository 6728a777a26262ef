"""Outcome of a run of Snakemake: the files that its jobs brought up to date, and the errors that they logged."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.workflow.plan import Plan
from stores.files import read_json

PREFIX = "otogura: "  # of errors in logs


def states(plan: Plan) -> dict[Path, tuple[bytes, int]]:
    """Return content and modification time of the files that jobs update in place."""
    paths = {path for target in plan.experiments.values() for path in target.products}
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths if path.is_file()}


def restored(before: Mapping[Path, tuple[bytes, int]]) -> list[Path]:
    """Return the files that were written again with the same content: no job of ours does that."""
    return [
        path
        for path, (content, time_ns) in before.items()
        if path.is_file() and path.stat().st_mtime_ns != time_ns and path.read_bytes() == content
    ]


def quarantined(plan: Plan) -> list[str]:
    """Return one line for each corpus that has been indexed and has bad recordings."""
    lines = []
    for folder in sorted(corpus.index_folder for corpus in plan.corpora.values()):
        summary = folder / "index.json"
        if summary.is_file() and (count := read_json(summary)["quarantined"]):
            lines.append(f"{folder.name}: {count} recordings quarantined, see {folder / 'quarantine.csv'}")
    return lines


def complaints(work: Path, since: float) -> list[str]:
    """Return the errors that jobs have logged since a time in seconds."""
    return [line for path in sorted((work / "logs").rglob("*.log")) for line in _errors(path, since)]


def unfinished(plan: Plan, jobs: Iterable[Any], since: float) -> dict[str, str]:
    """Return, by experiment that was asked for and did not come to its end, the reason.

    `jobs` are those of Snakemake that should have been run and were not, or failed.
    """
    left = list(jobs)
    logs = {Path(output): Path(job.log[0]) for job in left if job.log for output in job.output}
    # A target has no output, and wants its input files; so does the report.
    wanted = {Path(file) for job in left if not job.output or job.rule.name == "report" for file in job.input}
    reasons = {}
    for name, target in plan.experiments.items():
        if wanted & logs.keys() & {target.store.pointer, *target.results}:
            chain = [*target.corpus.sources, *target.products]
            errors = [line for path in chain if path in logs for line in _errors(logs[path], since)]
            reasons[name] = errors[0].removeprefix(PREFIX) if errors else "a job ended without a message of its own"
    return reasons


def unnamed(reasons: Mapping[str, str], complaints: Iterable[str]) -> list[str]:
    """Return one line for those experiments that no complaint names, or none if there are no such experiments."""
    text = "\n".join(complaints)
    names = [name for name in reasons if not re.search(rf"experiments\.{re.escape(name)}[.:]", text)]
    return [f"{PREFIX}not finished: {', '.join(names)}"] if names else []


def _errors(log: Path, since: float) -> list[str]:
    """Return the error lines of a log that was written since a time in seconds."""
    if not log.is_file() or log.stat().st_mtime < since:
        return []
    return [line for line in log.read_text().splitlines() if line.startswith(PREFIX)]
