"""Agreement of answers: evaluation, `otogura predict` and the service in its three shapes, for each test recording.

python -m benchmarks.agreement RUN=FOLDER …     a run, or a fold of one, and the folder of its recordings
"""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.serve import OURS, running

PREDICT = [sys.executable, "-m", "pipeline.commands.main", "predict"]
SHAPES = ("otogura", "published", "huggingface")
Answers = dict[str, dict[str, float]]


def main(words: list[str]) -> None:
    print("| run | test recordings | predict | " + " | ".join(SHAPES) + " |\n|---|---|---|---|---|---|")
    for word in words:
        run, folder = map(Path, word.split("="))
        scored = evaluated(run)
        given = {"predict": predicted(run, folder, scored)}
        with running(OURS, run) as (port, _):
            bodies = dict(recordings(folder, scored))
            given |= {shape: {name: asked(port, shape, *body) for name, body in bodies.items()} for shape in SHAPES}
        differences = [f"{largest_difference(scored, answers):.1e}" for answers in given.values()]
        print(f"| {run} | {len(scored)} | {' | '.join(differences)} |", flush=True)


def evaluated(run: Path) -> Answers:
    """Return the probabilities that the evaluation gave to each test recording."""
    table = pq.read_table(run / "predictions.parquet")
    columns = [name for name in table.column_names if name.startswith("logit ")]
    logits = np.stack([table[name].to_numpy() for name in columns], axis=1).astype(np.float64)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    classes = [name.removeprefix("logit ") for name in columns]
    # Names of lines of a table begin with its side.
    names = [name.split("/")[-1] if ".csv#" in name else name for name in table["recording"].to_pylist()]
    return {name: dict(zip(classes, row.tolist(), strict=True)) for name, row in zip(names, shares, strict=True)}


def predicted(run: Path, folder: Path, scored: Answers) -> Answers:
    """Return the probabilities of `otogura predict` for the files of these recordings."""
    files = sorted({str(folder / name.partition("#")[0]) for name in scored})
    command = [*PREDICT, str(run), *files, "--format", "jsonl"]
    lines = map(json.loads, subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.splitlines())
    answers = {line["file"].removeprefix(f"{folder}/"): line.get("probabilities") for line in lines}
    return {name: answers[name] for name in scored}


def recordings(folder: Path, names: Answers) -> Iterator[tuple[str, tuple[bytes, str]]]:
    """Yield each recording as the body of a request, with its type."""
    parts: dict[str, list[bytes]] = {}
    for name in names:
        file, _, number = name.partition("#")
        path = folder / file
        if not number:
            yield name, (path.read_bytes(), "audio/*")
            continue
        if file not in parts:
            parts[file] = path.read_bytes().splitlines()
            if path.suffix != ".csv":
                parts[file] = waveforms(parts[file])
        yield name, (parts[file][int(number) - FIRST[path.suffix]], KINDS[path.suffix])


FIRST = {".csv": 1, ".json": 0, ".jsonl": 0}
KINDS = {".csv": "text/csv", ".json": "application/json", ".jsonl": "application/json"}


def waveforms(lines: list[bytes]) -> list[bytes]:
    """Return the records of a JSON file, each as the service takes it."""
    if len(lines) > 1 and lines[0].startswith(b"{"):
        records = [json.loads(line) for line in lines]
    else:
        records = json.loads(b"".join(lines))
    if isinstance(records, dict):
        records = [{"Waveform": samples, "fs": records["fs"]} for samples in records["waveforms"]]
    return [json.dumps({"waveform": each["Waveform"], "fs": each["fs"]}).encode() for each in records]


def asked(port: int, shape: str, body: bytes, kind: str) -> dict[str, float]:
    """Return the probabilities that the service answers in one of its shapes."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", f"/predict?shape={shape}", body, {"Content-Type": kind})
        answer: Any = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if shape == "published":
        return {output["name"]: output["data"] for output in answer["outputs"]}
    if shape == "huggingface":
        return {each["label"]: each["score"] for each in answer}
    return dict(answer["probabilities"])


def largest_difference(scored: Answers, answers: Answers) -> float:
    assert scored.keys() == answers.keys()
    return max(abs(scored[name][each] - answers[name][each]) for name in scored for each in scored[name])


if __name__ == "__main__":
    main(sys.argv[1:])
