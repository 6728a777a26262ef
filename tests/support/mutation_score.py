"""Print what `make mutants` found: a line a module, then each mutant that nothing noticed with what it changes.

A mutant is noticed by a test that fails, by one that hangs, or by mypy, which `make test` runs as well.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTICED = {1: "test", 3: "test", 36: "hang", 24: "hang", -24: "hang", 152: "hang", 255: "hang", -9: "hang", 37: "mypy"}


def main(show: bool) -> None:
    print(f"{'module':32} mutants  test  hang  mypy  unseen  score")
    for path in sorted((ROOT / "mutants").rglob("*.py.meta")):
        exits: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
        if not exits:
            continue
        counts = Counter(NOTICED.get(code, "unseen") for code in exits.values())
        module = str(path.relative_to(ROOT / "mutants")).removesuffix(".meta")
        score = 1 - counts["unseen"] / len(exits)
        numbers = "".join(f"{counts[kind]:6}" for kind in ("test", "hang", "mypy", "unseen"))
        print(f"{module:32} {len(exits):7}{numbers}  {score:6.1%}", flush=True)
        for name in (name for name, code in exits.items() if code not in NOTICED and show):
            subprocess.run([Path(sys.executable).with_name("mutmut"), "show", name], cwd=ROOT, check=False)


if __name__ == "__main__":
    main("--show" in sys.argv)
