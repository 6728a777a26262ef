"""Processes that train together, kept for the tests of a module, and what they are asked to do."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch's stubs lack it

from stores import open_store
from training.errors import TrainingError
from training.evaluation.predict import gathered, predict
from training.evaluation.predictions import Predictions
from training.fit import fit
from training.learner import Learner
from training.models.cnn.settings import CnnModel
from training.ranks import Ranks, joined
from training.settings import Training
from training.stream import ClipStream
from training.sync_batchnorm import synchronise

HOST = "127.0.0.1"
SETTINGS: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 6,
    "precision": "float32",
    "device": "cpu",
    "learning_rate": 1e-4,
    "schedule": "constant",
}


class RankGroup:
    """So many processes, each of which calls the same functions with its `Ranks`. Use as a context."""

    def __init__(self, size: int, device: str = "cpu") -> None:
        self._store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
        spawn = multiprocessing.get_context("spawn")
        self._ends: list[tuple[Any, Connection]] = []
        for rank in range(size):
            ours, theirs = spawn.Pipe()
            arguments = (theirs, rank, size, self._store.port, device)
            process = spawn.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._ends.append((process, ours))

    def __call__(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> list[Any]:
        """Return what `function(ranks, …)` returns in each process."""
        for _, end in self._ends:
            end.send((function, arguments, options))
        return [end.recv() for _, end in self._ends]

    def __enter__(self) -> "RankGroup":
        return self

    def __exit__(self, *error: object) -> None:
        for process, end in self._ends:
            end.close()
            process.join(30)


def _serve(end: Connection, rank: int, size: int, port: int, device: str) -> None:
    torch.set_num_threads(1)
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in numbers.items()})
    os.environ.update(MASTER_ADDR=HOST, TORCHELASTIC_USE_AGENT_STORE="True", GLOO_SOCKET_IFNAME="lo")
    with joined(device) as ranks:
        while True:
            try:
                function, arguments, options = end.recv()
            except EOFError:
                break
            end.send(function(ranks, *arguments, **options))


def trained(
    ranks: Ranks,
    folder: Path,
    family: Path,
    *,
    clips: int = 12,
    variants: int = 2,
    dropout: float = 0.0,
    until: float | None = None,
    weights: Any = None,
    signal_after: int | None = None,
    validated: int = 5,
    model: Any = None,
    **settings: Any,
) -> dict[str, Any]:
    """Train on the first clips of a store, and validate on some others; return what was given, and what came of it.

    `given` are row and variant of each item, `losses` the sum over the clips of the epoch so far after each batch.
    The last rank gets SIGTERM after `signal_after` batches.
    """
    store, training = open_store(family), Training(**SETTINGS | settings)
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    part: dict[str, Any] = {"rank": ranks.rank, "world_size": ranks.size}
    part |= {"batch_size": training.batch_size // ranks.size}
    shown: dict[str, Any] = {"variants": store.variants[:variants], "pin": training.device == "cuda"}
    train = ClipStream(store, np.arange(clips), labels, shuffle=True, **shown, **part)
    validation = ClipStream(store, np.arange(12, 12 + validated), labels, **part)
    given: list[tuple[int, int]] = []
    losses: list[float] = []
    learn = Learner.learn

    def watched(self: Learner, batch: dict[str, Any], **options: Any) -> None:
        learn(self, batch, **options)
        given.extend(zip(batch["row"].tolist(), batch["variant"].tolist(), strict=True))
        losses.append(float(self._sums["train loss"]))
        if signal_after == len(losses) and ranks.rank == ranks.size - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    model = model or CnnModel(depth=2, width=16, dense=(8,), dropout=dropout)
    options: dict[str, Any] = {"classes": ["a", "b", "c"], "model": model, "training": training, "identity": {}}
    outcome: dict[str, Any] = {"given": given, "losses": losses}
    with patch.object(Learner, "learn", watched):
        try:
            fitted = fit(folder, train, validation, **options, class_weights=weights, until=until, ranks=ranks)
        except (TrainingError, SystemExit) as error:
            return outcome | {"stopped": str(error)}
    state = {name: value.numpy() for name, value in fitted.network.state_dict().items()}
    predictions = gathered(predict(fitted.network, validation, torch.device("cpu")), validation, ranks)
    return outcome | {"history": fitted.history, "weights": state, "predictions": predictions}


def predicted(ranks: Ranks, family: Path, clips: int) -> Predictions:
    """Predict so many clips, from the last one backwards, by a network of constant weights."""
    store = open_store(family)
    rows = np.arange(17, 17 - clips, -1)
    part = {"rank": ranks.rank, "world_size": ranks.size, "batch_size": 4 // ranks.size}
    stream = ClipStream(store, rows, np.zeros(len(store), np.int64), **part)
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    nn.init.constant_(network[2].weight, 0.5)
    nn.init.zeros_(network[2].bias)
    return gathered(predict(network, stream, torch.device("cpu")), stream, ranks)


def normalised(ranks: Ranks, norm: nn.Module, parts: list[Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return the output of a synchronised norm for the part of this rank, the gradient of the input, and the state."""
    network = nn.Sequential(norm)
    synchronise(network)
    values = parts[ranks.rank].requires_grad_()
    output = network(values)
    output.pow(3).sum().backward()
    assert values.grad is not None
    return output.detach(), values.grad, network.state_dict()


def drawn(ranks: Ranks) -> list[float]:
    """Return what is drawn, as dropout draws, for one batch."""
    ranks.draw_apart(0, 1, 2)
    return torch.rand(2).tolist()
