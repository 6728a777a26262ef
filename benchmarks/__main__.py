"""`make bench`: measures, prints the table, and writes `work/bench/results.json`.

python -m benchmarks [NAME …]     all rows, or those whose name starts so
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import features, workflow
from benchmarks.measure import Row

RESULTS = Path("work/bench/results.json")


def main(names: list[str]) -> None:
    def wanted(name: str) -> bool:
        return not names or any(name.startswith(prefix) for prefix in names)

    measured: list[Row] = []
    for module in (features, workflow):
        for row in module.rows(wanted):
            measured.append(row)
            print(
                f"{row.name:42} {row.ratio:6.2f}   {row.ours:.4g} against {row.other:.4g} {row.unit}; {row.other_name}"
            )
    kept = {row["name"]: row for row in json.loads(RESULTS.read_text())} if names and RESULTS.exists() else {}
    kept |= {row.name: asdict(row) for row in measured}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(list(kept.values()), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
