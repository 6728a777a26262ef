"""`make bench-gpu`: measures a device, prints the tables, and writes `work/bench/gpu.json` and `gpu.md`.

python -m benchmarks.gpu [--device cuda|cpu] [--quick]
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.copies import copies
from benchmarks.gpu.sizes import FULL, QUICK
from benchmarks.gpu.steps import steps
from benchmarks.gpu.throughput import throughputs
from benchmarks.scratch import scratch
from pipeline.build.environment import processor
from training.devices import device_name

RESULTS = Path("work/bench/gpu.json")


def main(device: torch.device, quick: bool) -> None:
    sizes = QUICK if quick else FULL
    result: dict[str, Any] = {
        "device": device_name(device),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "quick": quick,
    }
    print(", ".join(f"{name}: {value}" for name, value in result.items()), flush=True)
    result["copies"] = announced(copies(device, sizes))
    with scratch() as folder:
        result["throughput"] = announced(throughputs(device, sizes, folder))
    result["steps"] = announced(steps(device, sizes))
    tables = "\n".join(table(result[part]) for part in ("throughput", "steps", "copies"))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(tables)
    print(f"\n{tables}\n{RESULTS}, and the tables beside it")


def announced(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Return rows as dictionaries, each printed as soon as it is measured."""
    measured = []
    for row in rows:
        print(row, flush=True)
        measured.append(asdict(row))
    return measured


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table in Markdown."""
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([shown(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def shown(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " × ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was written goes
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="small tensors and networks, one run of each")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("benchmarks.gpu: torch finds no GPU; --device cpu measures the processor")
    try:
        main(torch.device(arguments.device), arguments.quick)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
