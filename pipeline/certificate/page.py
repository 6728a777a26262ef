"""Certificate as files: JSON for programs, and a page in Markdown that says the same."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stores.files import read_json, write_bytes, write_json
from training.report.fold_folders import single_folders

CERTIFICATE = "certificate.json"


def write_certificate(path: Path, certificate: Mapping[str, Any]) -> None:
    """Write a certificate as JSON, and as Markdown beside it."""
    write_json(path, certificate)
    write_bytes(path.with_suffix(".md"), "\n".join([*_lines(certificate), ""]).encode())


def is_certified(run: Path) -> bool:
    """Return True if the certificate of a run holds, and is of the model that it has now; over folds, all of theirs."""
    metrics = read_json(run / "metrics.json")
    return all(map(_holds, single_folders(run, metrics)))


def _holds(run: Path) -> bool:
    if not (run / CERTIFICATE).is_file():
        return False
    certificate = read_json(run / CERTIFICATE)
    return certificate["certified"] and certificate["model_version"] == read_json(run / "metrics.json")["model_version"]


def _lines(certificate: Mapping[str, Any]) -> Iterator[str]:
    resume, made_by, identity = certificate["resume"], certificate["made_by"], certificate["identity"]
    yield f"# Certificate of {certificate['run']}, model {certificate['model_version']}\n"
    yield "**Certified.**" if certificate["certified"] else f"**Not certified**: {'; '.join(certificate['failures'])}."
    yield "\n## Exact resume\n"
    kills = resume["killed_before_calls"]
    yield (
        f"Trained again on {made_by['device']} with {resume['threads']} threads for {resume['steps']} of "
        f"{resume['steps_of_run']} steps ({resume['epochs']} of {resume['epochs_of_run']} epochs finished): once left "
        f"alone, and once killed {len(kills)} times by SIGKILL and resumed. Its settings, data and code are "
        f"{'those' if resume['same_work_as_run'] else 'NOT those'} of the run.\n"
    )
    yield "| training | hash of the weights | hash of all state |"
    yield "|---|---|---|"
    for label, key in (("left alone", "uninterrupted"), ("killed and resumed", "killed")):
        yield f"| {label} | `{resume[key]['weights']}` | `{resume[key]['state']}` |"
    if resume["run"] is not None:
        yield f"| the run itself | `{resume['run']['weights']}` | |"
        if resume["run"]["weights"] != resume["uninterrupted"]["weights"]:
            yield "\nThe run itself has other weights: another machine or number of threads trained it."
    yield (
        f"\nA moment is a call of a batch, a step, a score, or a change of the folder; there are {resume['calls']}. "
        f"Killed before: {', '.join(map(str, kills)) or 'none'} (seed {resume['seed']}). After each step there was a "
        "checkpoint.\n"
    )
    yield "## Every clip, once\n"
    yield "| side | ranks | items | given once | given again | left out | passed |"
    yield "|---|---|---|---|---|---|---|"
    for proof in certificate["order"]:
        ranks = ", then ".join(map(str, proof["ranks"]))
        numbers = (proof[name] for name in ("items", "given_once", "given_again", "left_out"))
        yield f"| {proof['side']} | {ranks} | {' | '.join(map(str, numbers))} | {'yes' if proof['passed'] else 'NO'} |"
    yield (
        "\nOne epoch. Where the number of ranks changes, it changes in the middle. Training leaves out what does not "
        "fill a batch of all ranks.\n"
    )
    yield "## Made by\n"
    for name, value in {**identity, **{key: made_by[key] for key in ("processor", "system")}}.items():
        yield f"- {name}: {value}"
    yield f"- versions: {', '.join(f'{name} {value}' for name, value in made_by['versions'].items())}"
