"""Train and evaluate on a store, and on one ten times larger: the memory of the process is the same.

A hard limit of the operating system (RLIMIT_DATA) ends the process otherwise; file maps do not count.
"""

import resource
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "training")]

from bounded import memory  # noqa: E402  # found by the path above
from stores_of import random_store  # noqa: E402

from features.tensors.four_channel import Recipe  # noqa: E402
from training import fit as fitting  # noqa: E402
from training.evaluation.explanation import explain  # noqa: E402
from training.evaluation.predict import predict  # noqa: E402
from training.models.cnn.settings import CnnModel  # noqa: E402
from training.settings import Training  # noqa: E402
from training.stream import ClipStream  # noqa: E402

HEADROOM_BYTES = 120_000_000
SHAPE = (128, 330, 4)  # 338 kB
CLIPS = 60
BATCH = 4


def network(*_: object) -> nn.Module:
    """One that costs next to nothing, in the place of a real one."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    fitting.build = network
    fitting.recorded_recipe = lambda described: Recipe(frames=SHAPE[1])
    small, large = (random_store(folder / str(size), size, SHAPE) for size in (CLIPS, 10 * CLIPS))
    used = []
    for number, store in enumerate((small, small, large, large)):
        store.manifest["recipe"] = {}
        labels = np.arange(len(store)) % 2
        training = Training(epochs=2, batch_size=BATCH, device="cpu", precision="float32")
        sides = np.split(np.arange(len(store)), [len(store) * 7 // 10, len(store) * 9 // 10])
        streams = [ClipStream(store, rows, labels, batch_size=BATCH, shuffle=rows[0] == 0) for rows in sides]
        options = {"classes": ["a", "b"], "model": CnnModel(), "training": training, "identity": {}}
        fitted = fitting.fit(folder / f"run-{number}", streams[0], streams[1], **options)
        found = predict(fitted.network, streams[2], torch.device("cpu"))
        assert len(found.rows) == len(sides[2])
        shown = ClipStream(store, found.rows[:BATCH], labels, batch_size=BATCH)
        assert len(explain(fitted.network, shown, labels[found.rows[:BATCH]], torch.device("cpu"))) == BATCH
        used.append(memory("RssAnon"))
        if number == 1:  # all code is imported, and all that a run holds has been held
            limit = memory("VmData") + HEADROOM_BYTES
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    assert 9 * CLIPS * small.specs["original"].clip_bytes > 1.5 * HEADROOM_BYTES
    assert max(used[2:]) - max(used[:2]) < 9_000_000, used
    print("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
