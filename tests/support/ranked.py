"""Processes that train together, kept for the tests of a module, and what they are asked to do."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch's stubs lack it

from stores import open_store
from training.errors import OutOfTime
from training.evaluation.predict import gathered, predict
from training.fit import fit
from training.learner import Learner
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.ranks import ALONE, Ranks, joined
from training.settings import Training
from training.stream import ClipStream

ATTENTION_DROPOUT = "training.models.resnet_attention.network.ATTENTION_DROPOUT"
HOST = "127.0.0.1"
MODEL = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1, dropout=0.0)


class RankGroup:
    """So many processes, each of which calls the same functions with its `Ranks`."""

    def __init__(self, size: int) -> None:
        self._store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
        spawn = multiprocessing.get_context("spawn")
        self._ends: list[tuple[Any, Connection]] = []
        for rank in range(size):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(theirs, rank, size, self._store.port), daemon=True)
            process.start()
            theirs.close()
            self._ends.append((process, ours))

    def __call__(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> list[Any]:
        """Return what `function(ranks, …)` returns in each process."""
        for _, end in self._ends:
            end.send((function, arguments, options))
        return [end.recv() for _, end in self._ends]

    def close(self) -> None:
        for process, end in self._ends:
            end.close()
            process.join(30)


def _serve(end: Connection, rank: int, size: int, port: int) -> None:
    torch.set_num_threads(1)
    environment = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in environment.items()})
    os.environ.update(MASTER_ADDR=HOST, TORCHELASTIC_USE_AGENT_STORE="True", GLOO_SOCKET_IFNAME="lo")
    with joined("cpu") as ranks:
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
    until: float | None = None,
    weights: Any = None,
    model: Any = MODEL,
    **settings: Any,
) -> dict[str, Any]:
    """Train on the first clips of a store, and validate on the rest; return what was given, and what came of it.

    `given` are row and variant of each item, `losses` the sum over the clips of the epoch so far after each batch.
    """
    store, training = (
        open_store(family),
        Training(
            **{"epochs": 2, "batch_size": 6, "precision": "float32", "device": "cpu", "learning_rate": 1e-4} | settings
        ),
    )
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    part: dict[str, Any] = {
        "rank": ranks.rank,
        "world_size": ranks.size,
        "batch_size": training.batch_size // ranks.size,
    }
    train = ClipStream(store, np.arange(clips), labels, variants=store.variants[:2], shuffle=True, **part)
    validation = ClipStream(store, np.arange(12, 17), labels, **part)
    given: list[tuple[int, int]] = []
    losses: list[float] = []
    learn = Learner.learn

    def watched(self: Learner, batch: dict[str, Any], **options: Any) -> None:
        learn(self, batch, **options)
        given.extend(zip(batch["row"].tolist(), batch["variant"].tolist(), strict=True))
        losses.append(float(self._sums["train loss"]))

    outcome: dict[str, Any] = {"given": given, "losses": losses}
    with patch.object(Learner, "learn", watched), patch(ATTENTION_DROPOUT, 0.0):
        try:
            fitted = fit(
                folder,
                train,
                validation,
                classes=["a", "b", "c"],
                model=model,
                training=training,
                identity={},
                class_weights=weights,
                until=until,
                ranks=ranks,
            )
        except OutOfTime as error:
            return outcome | {"stopped": str(error)}
    predictions = gathered(predict(fitted.network, validation, torch.device("cpu")), validation, ranks)
    state = {name: value.numpy() for name, value in fitted.network.state_dict().items()}
    return outcome | {"history": fitted.history, "weights": state, "predictions": predictions}


def trained_alone(folder: Path, family: Path, **options: Any) -> dict[str, Any]:
    """`trained` in this process."""
    return trained(ALONE, folder, family, **options)
