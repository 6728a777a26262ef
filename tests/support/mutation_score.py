"""Print what `make mutants` found: a line for each module, then every change that nothing noticed.

A change is noticed by a test that fails or does not end, or by mypy, which `make test` runs as well.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = ("test", "hang", "mypy", "unseen", "unchecked")
# Exit codes of mutmut: 24 is the signal that ends a process which has used up its time.
NOTICED = {1: "test", 3: "test", 24: "hang", 36: "hang", 152: "hang", -9: "hang", -24: "hang", 37: "mypy"}


def main() -> None:
    unseen: list[str] = []
    print(f"{'module':28}{'changes':>9}" + "".join(f"{kind:>11}" for kind in KINDS) + f"{'score':>8}")
    for path in sorted((ROOT / "mutants").rglob("*.py.meta")):
        exits: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
        kinds = {name: "unchecked" if code is None else NOTICED.get(code, "unseen") for name, code in exits.items()}
        unseen += [name for name, kind in kinds.items() if kind == "unseen"]
        if checked := (counts := Counter(kinds.values())).total() - counts["unchecked"]:
            module = str(path.relative_to(ROOT / "mutants")).removesuffix(".meta")
            numbers = "".join(f"{counts[kind]:11}" for kind in KINDS)
            print(f"{module:28}{len(kinds):9}{numbers}{1 - counts['unseen'] / checked:8.1%}", flush=True)
    for name in unseen:
        subprocess.run([Path(sys.executable).with_name("mutmut"), "show", name], cwd=ROOT, check=False)


if __name__ == "__main__":
    main()
