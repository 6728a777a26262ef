"""Stream epochs of a store, and of one ten times larger, with at most 60 MB of anonymous memory beyond the imports.

A hard limit of the operating system (RLIMIT_DATA) ends the process otherwise; file maps do not count.
"""

import resource
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from stores_of import random_store  # noqa: E402  # found by the path above

from training.stream import ClipStream  # noqa: E402

HEADROOM_BYTES = 60_000_000
SHAPE = (128, 660, 4)  # 676 kB
CLIPS = 60
BATCH = 4  # with those read ahead, 13 MB


def memory(field: str) -> int:
    """Bytes of the process as Linux counts them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field}")


def main(folder: Path) -> None:
    small, large = (random_store(folder / str(size), size, SHAPE) for size in (CLIPS, 10 * CLIPS))
    limit = memory("VmData") + HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    assert 10 * CLIPS * small.specs["original"].clip_bytes > 6 * HEADROOM_BYTES
    used = []
    for store in (small, small, large, large):
        chosen = ClipStream(
            store, np.arange(len(store)), np.zeros(len(store), np.int64), batch_size=BATCH, shuffle=True
        )
        for epoch in range(2):
            chosen.set_epoch(epoch)
            clips = sum(len(batch["row"]) for batch in chosen)
            assert clips == len(store)
            used.append(memory("RssAnon"))
    assert max(used) - used[0] < 15_000_000, used
    print("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
