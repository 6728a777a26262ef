"""Certification of a run: trained again with kills and without, in a folder beside it that is removed afterwards."""

import logging
import math
import platform
import random
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from pipeline.build.environment import processor
from pipeline.certificate.faults import exit_code
from pipeline.certificate.page import CERTIFICATE, write_certificate
from pipeline.certificate.ranks import proofs
from pipeline.certificate.record import STATE, RunRecord, read_record
from pipeline.certificate.repetition import OUTCOME, Limit, digest, limit_of, steps_of, train_again
from pipeline.runs.fitting import train_stream
from pipeline.runs.origin import PACKAGES
from pipeline.support.errors import InputError
from pipeline.support.lock import exclusive
from pipeline.workflow.names import train_lock
from stores.files import read_json
from training.artefact import WEIGHTS
from training.devices import device_name, device_of

log = logging.getLogger("otogura")

KILLED = -9


def certify(work: Path, name: str, *, steps: int, kills: int, seed: int) -> list[str]:
    """Write the certificate of a run into its folder; return what is wrong, nothing if it holds.

    Parameters
    ----------
    work : Path
    name : str
        Of the run's folder below that of all runs.
    steps : int
        Steps that are trained again, or all if there are fewer.
    kills : int
        Number of kills on the way through them.
    seed : int
        Of the moments of the kills.

    Raises
    ------
    InputError
        If the run is not finished, what it was trained on is not there any more, or there are more kills than moments.
    """
    with exclusive(train_lock(work, name.partition("/")[0])):
        record = read_record(work, name)
        scratch = record.folder.with_name(f".{record.folder.name}.certificate")
        shutil.rmtree(scratch, ignore_errors=True)  # of a certification that was killed
        try:
            resume = _resume(work, record, scratch, steps, kills, seed)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        log.info("%s: every clip by 1, 2 and 4 ranks", name)
        order = proofs(record)
        failures = _failures(resume, order)
        write_certificate(
            record.folder / CERTIFICATE,
            {
                "run": name,
                "model_version": record.metrics["model_version"],
                "certified": not failures,
                "failures": failures,
                "resume": resume,
                "order": order,
                "identity": {what: record.state[what] for what in ("store", "split", "code")},
                "made_by": _made_by(record),
            },
        )
        return failures


def _resume(work: Path, record: RunRecord, scratch: Path, steps: int, kills: int, seed: int) -> dict[str, Any]:
    """Return what training again gave, left alone and killed."""
    training = record.run.setup.training
    steps_per_epoch = math.ceil(len(train_stream(record.sides, record.run, pin=False)) / training.accumulate)
    limit = limit_of(steps, steps_per_epoch, training.accumulate)
    alone_folder, killed_folder = scratch / "alone", scratch / "killed"
    log.info("%s: training again, left alone", record.name)
    uninterrupted = _outcome(work, record, alone_folder, limit, None)
    assert uninterrupted is not None
    calls = uninterrupted["calls"]
    if kills > calls:
        raise InputError(f"--kills: expected at most {calls}, one before each call of {steps} steps, got {kills}")
    places = sorted(random.Random(seed).sample(range(1, calls + 1), kills))
    resumed, kill_count = None, 0
    for place, before in zip(places, [0, *places], strict=False):
        log.info("%s: training again, killed before call %d of %d", record.name, place, calls)
        resumed = _outcome(work, record, killed_folder, limit, place - before)
        if resumed is not None:  # there was less to be done again than expected
            break
        kill_count += 1
    resumed = resumed or _outcome(work, record, killed_folder, limit, None)
    assert resumed is not None
    covered = steps_of(uninterrupted, steps_per_epoch, training.accumulate)
    kept = None
    if uninterrupted["ended"]:
        kept = digest(load_file(record.folder / WEIGHTS))
    return {
        "steps": covered,
        "steps_of_run": len(record.metrics["history"]) * steps_per_epoch,
        "epochs": uninterrupted["epochs"],
        "epochs_of_run": len(record.metrics["history"]),
        "same_work_as_run": all(read_json(path / STATE) == record.state for path in (alone_folder, killed_folder)),
        "calls": calls,
        "seed": seed,
        "killed_before_calls": places[:kill_count],
        "threads": uninterrupted["threads"],
        "uninterrupted": _hashes(uninterrupted),
        "killed": _hashes(resumed),
        "run": None if kept is None else {"weights": kept},
    }


def _outcome(work: Path, record: RunRecord, folder: Path, limit: Limit, kill_before: int | None) -> Any:
    """Train in a process of its own; return what it wrote, or None if it was killed as it was told."""
    folder.mkdir(parents=True, exist_ok=True)
    code = exit_code(train_again, work, record.name, folder, limit, kill_before)
    if code == KILLED and kill_before is not None:
        return None
    if code:
        raise InputError(f"{record.folder}: training it again ended with exit code {code}, not with its weights")
    outcome = read_json(folder / OUTCOME)
    if "error" in outcome:
        raise InputError(f"{record.folder}: training it again failed: {outcome['error']}")
    return outcome


def _hashes(outcome: Mapping[str, Any]) -> dict[str, str]:
    return {what: outcome[what] for what in ("weights", "state")}


def _failures(resume: Mapping[str, Any], order: list[dict[str, Any]]) -> list[str]:
    """Return one clause for each check that failed."""
    failures = []
    if not resume["same_work_as_run"]:
        failures.append("its settings, data or starting weights are not those of the run any more")
    if resume["uninterrupted"] != resume["killed"]:
        failures.append("killed and resumed, training ends with other weights or another state")
    for proof in order:
        if not proof["passed"]:
            ranks = " then ".join(map(str, proof["ranks"]))
            failures.append(f"{ranks} ranks do not give each item of the {proof['side']} side once")
    return failures


def _made_by(record: RunRecord) -> dict[str, Any]:
    """Return device and versions."""
    return {
        "device": device_name(device_of(record.run.setup.training)),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }
