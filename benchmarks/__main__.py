"""`make bench`: measures, prints the table, and writes it to `work/bench/results.md` and `results.json`.

python -m benchmarks [NAME …]     all rows, or those whose name starts so
"""

import json
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from benchmarks import features, predict, remote, serve, sources, stream, stream_layouts, training, waveforms, workflow
from benchmarks.measure import Row

RESULTS = Path("work/bench/results.json")


def main(names: list[str]) -> None:
    def wanted(name: str) -> bool:
        return not names or any(name.startswith(prefix) for prefix in names)

    kept = {row["name"]: Row(**row) for row in json.loads(RESULTS.read_text())} if names and RESULTS.exists() else {}
    for module in (features, sources, stream, stream_layouts, remote, training, waveforms, workflow, predict, serve):
        for row in module.rows(wanted):
            kept[row.name] = row
            print(f"{row.name}: {row.ratio:.2f} × {row.other_name}", flush=True)
    if not kept:
        sys.exit(f"no row's name starts with {' or '.join(names)}")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in kept.values()], indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(table(kept.values()))
    print(f"\n{table(kept.values())}\n{RESULTS}, and the table beside it")


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| | ratio | otogura | other | the other, and the unit |", "|---|---|---|---|---|"]
    for row in rows:
        times = f"{row.ours:.4g} | {row.other:.4g}"
        lines.append(f"| `{row.name}` | **{row.ratio:.2f}** | {times} | {row.other_name}; {row.unit} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what has been started ends, what was written goes
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
