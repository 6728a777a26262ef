"""The loops of other libraries run as their headers say, show each clip once an epoch, and go on where they stopped."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
import torch
from stores_of import small_store

import otogura
from training.stream import ClipStream

LOOPS = Path(__file__).parents[2] / "examples" / "loops"
LEAF = "`isinstance(treespec, LeafSpec)` is deprecated"  # Lightning 2.6 with torch 2.13, by itself
RESUMED = ("torch_loop", "lightning_loop", "hugging_face_loop")
BATCHES = 4  # of an epoch


class StoppedError(Exception):
    """The end of a training process."""


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of stores, whose current one has 80 clips of two tones, a group each; 64 of them train."""
    return small_store(tmp_path_factory.mktemp("store"), labels="ab", clips=40).path.parent


@pytest.fixture(scope="module")
def store(family: Path) -> otogura.Store:
    return otogura.open_store(family)


def library(loop: str) -> None:
    """Skip a test whose library an installation without its extra does not have."""
    if loop == "jax_loop":
        pytest.importorskip("jax", reason="it takes 350 MB and is of the extra jax")


def program(*arguments: object) -> str:
    """Run a program in the folder of the loops, where no warning is passed over, and return its output."""
    options = ["-W", "error", "-W", f"ignore:{LEAF}:FutureWarning"]
    command = [sys.executable, *options, *map(str, arguments)]
    result = subprocess.run(command, cwd=LOOPS, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def files() -> set[str]:
    return {path.name for path in LOOPS.iterdir()} - {"__pycache__"}


@pytest.mark.parametrize("loop", ["torch_loop", "lightning_loop", "hugging_face_loop", "jax_loop"])
def test_it_runs_as_its_header_says_and_learns(loop: str, family: Path) -> None:
    library(loop)
    before = files()
    printed = program(LOOPS / f"{loop}.py", family)
    losses = [float(number) for number in re.findall(r"(?:held-out loss |'eval_loss': ')([\d.e-]+)", printed)]
    accuracies = [float(number) for number in re.findall(r"accuracy(?: |': ')([\d.e-]+)", printed)]
    assert len(losses) == len(accuracies) == 5
    assert losses[-1] < 0.5 * losses[0]
    assert accuracies[-1] == 1.0
    assert files() == before  # nothing is left beside the code


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import of a loop from its folder."""
    monkeypatch.syspath_prepend(str(LOOPS))
    return importlib.import_module


class Watched:
    """Batches that streams have given to loops, and networks that these have trained."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, parts: ModuleType) -> None:
        self.shown: list[tuple[int, list[int], list[int]]] = []  # epoch, rows and variants of those that train
        self.stop = -1  # before so many of them
        self.networks: list[torch.nn.Module] = []
        batches, network = ClipStream.__iter__, parts.network

        def watched_batches(stream: ClipStream) -> Iterator[dict[str, torch.Tensor]]:
            for batch in batches(stream):
                if len(stream.variants) > 1:
                    if len(self.shown) == self.stop:
                        raise StoppedError
                    self.shown.append((stream.epoch, batch["row"].tolist(), batch["variant"].tolist()))
                    self.compare(stream, batch)
                yield batch

        def watched_network(store: otogura.Store) -> torch.nn.Module:
            self.networks.append(network(store))
            return self.networks[-1]

        monkeypatch.setattr(ClipStream, "__iter__", watched_batches)
        monkeypatch.setattr(parts, "network", watched_network)

    def compare(self, stream: ClipStream, batch: dict[str, torch.Tensor]) -> None:
        """Assert that a batch has the bytes of the store."""
        for features, row, variant in zip(batch["features"], batch["row"], batch["variant"], strict=True):
            clip = stream.store.clip(int(row), stream.variants[int(variant)])
            assert features.permute(1, 2, 0).contiguous().numpy().tobytes() == clip.tobytes()

    def run(self, loop: ModuleType, store: otogura.Store, folder: Path, stop: int = -1) -> dict[str, torch.Tensor]:
        """Train, as long as there is no stop; return the weights."""
        folder.mkdir(exist_ok=True)
        self.shown.clear()
        self.stop = stop
        epochs = loop.train(store, folder)
        assert epochs is None or len(list(epochs)) > 0
        return self.networks[-1].state_dict()


@pytest.fixture
def watched(loaded: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch, loaded("loop_parts"))


@pytest.mark.filterwarnings(f"ignore:{re.escape(LEAF)}:FutureWarning")
@pytest.mark.parametrize("name", RESUMED)
def test_each_clip_comes_once_an_epoch_and_it_goes_on_at_any_step(
    name: str,
    store: otogura.Store,
    loaded: Callable[[str], ModuleType],
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Stopped within an epoch, at its last step and behind it, the weights are those of a run that was left alone."""
    loop = loaded(name)
    monkeypatch.setattr(loop, "EPOCHS", 3)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 1)
    weights = watched.run(loop, store, tmp_path / "alone")
    shown = list(watched.shown)
    training, held_out = loaded("loop_parts").sides(store)
    assert len(held_out) == 16
    for epoch in range(3):
        rows = [row for number, rows, _ in shown if number == epoch for row in rows]
        assert sorted(rows) == training.tolist()
    assert len({json.dumps(rows) for _, rows, _ in shown}) == 3 * BATCHES  # another order each epoch
    for stop, every in ((2, 1), (BATCHES, 1), (BATCHES + 1, 1), (BATCHES + 3, 1), (2 * BATCHES, BATCHES + 1)):
        monkeypatch.setattr(loop, "CHECKPOINT_EVERY", every)  # of all steps, also where an epoch has fewer
        with pytest.raises(StoppedError):
            watched.run(loop, store, tmp_path / f"{stop}", stop)
        assert any((tmp_path / f"{stop}").iterdir())
        resumed = watched.run(loop, store, tmp_path / f"{stop}")
        assert all(torch.equal(resumed[part], weights[part]) for part in weights), stop
        assert watched.shown == shown[-len(watched.shown) :]


def test_jax_reads_the_memory_of_the_batch_which_stays_as_long_as_its_arrays(family: Path) -> None:
    library("jax_loop")
    assert program("-c", JAX, family) == "float16 int32\n"


JAX = """
import sys
sys.path.insert(0, ".")
import numpy as np
from jax_loop import arrays
import otogura

store = otogura.open_store(sys.argv[1])
kept = []
for batch in otogura.stream(store, batch_size=16, shuffle=True):
    features, label = arrays(batch)
    assert features.unsafe_buffer_pointer() == batch["features"].data_ptr()
    kept.append((batch["row"].tolist(), features, label))
for rows, features, label in kept:
    assert np.asarray(features).tobytes() == b"".join(store.clip(row).tobytes() for row in rows)
    assert label.tolist() == ["ab".index(store.rows["label"][row].as_py()) for row in rows]
print(features.dtype, label.dtype)
"""


def test_no_group_is_on_both_sides_and_no_clip_without_a_label(loaded: Callable[[str], ModuleType]) -> None:
    class Rows:
        rows: Any = pa.table({"group": list("aabbccddeeffg"), "label": [None, *"xyxyxyxyxyx", None]})

    training, held_out = (Rows.rows.take(side)["group"].to_pylist() for side in loaded("loop_parts").sides(Rows()))
    assert held_out == ["a", "f", "f"]
    assert training == list("bbccddee")
