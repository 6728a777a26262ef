"""Wiring: the learner and its optimiser get what the settings say; other work is never taken over."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.runs.corpus import learned_corpus
from stores import Store
from stores.files import read_json
from training import fit as fitting
from training.artefact import Artefact, read_artefact, write_artefact
from training.fit import fit
from training.learner import Learner
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.optimizer import AdamW
from training.settings import Training
from training.stream import ClipStream

MODEL = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1, dropout=0.0)


class Reached(Exception):
    """Signal that the watched function has been called."""


def fitted(
    folder: Path, store: Store, identity: dict[str, str] | None = None, start: Artefact | None = None, **options: Any
) -> Any:
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    training = Training(**({"epochs": 1, "batch_size": 6, "precision": "float32", "device": "cpu"} | options))
    train = ClipStream(store, np.arange(12), labels, batch_size=6, shuffle=True)
    validation = ClipStream(store, np.arange(12, 18), labels, batch_size=6)
    return fit(
        folder,
        train,
        validation,
        classes=["a", "b", "c"],
        model=MODEL,
        training=training,
        identity=identity or {"store": "s", "split": "t"},
        class_weights=[0.5, 1.0, 1.5],
        start=start,
    )


@pytest.mark.parametrize(("classes", "rows"), [(["x", "a", "c"], "a, c"), (["x", "y", "z"], "no class")])
def test_a_run_may_start_from_the_weights_of_another(
    tmp_path: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    classes: list[str],
    rows: str,
) -> None:
    """It says so, and goes on only from the same ones."""
    network = fitted(tmp_path / "first", store).network
    options: dict[str, Any] = {"recipe": store.manifest["recipe"], "identity": "", "store": "", "decision": {}}
    options |= {"corpus": learned_corpus(store), "scores": {}}
    write_artefact(tmp_path / "first", network, model=MODEL, classes=classes, **options)
    start = read_artefact(tmp_path / "first")
    given: list[nn.Module] = []

    def learner(network: nn.Module, training: Any, class_weights: Any, ranks: Any, task: Any) -> None:
        given.append(network)
        raise Reached

    monkeypatch.setattr(fitting, "Learner", learner)
    caplog.set_level(logging.INFO, "otogura")
    caplog.clear()
    with pytest.raises(Reached):
        fitted(tmp_path / "second", store, start=start)
    assert caplog.messages == [f"starting from {tmp_path / 'first'}, with the rows of {rows}"]
    (network,) = given
    same = [name for name, value in network.state_dict().items() if torch.equal(value, start.weights[name])]
    assert len(same) >= len(start.weights) - 2  # all but the head
    training = Training(epochs=1, batch_size=6, precision="float32", device="cpu")
    assert read_json(tmp_path / "second" / "run.json") == {
        "store": "s",
        "split": "t",
        "model": MODEL.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude=fitting.NO_IDENTITY | {"sync_batchnorm"}),
        "class_weights": [0.5, 1.0, 1.5],
        "code": fitting.code_digest(MODEL),
        "start": start.weights_digest,
    }


def test_gradients_are_clipped_to_the_norm_that_is_set(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = []
    step = AdamW.step

    def watched(self: AdamW) -> None:
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        norms.append(float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))))
        step(self)

    monkeypatch.setattr(AdamW, "step", watched)
    fitted(tmp_path / "free", store, gradient_clip=1e6)
    free, norms = norms, []
    fitted(tmp_path / "clipped", store, gradient_clip=1e-3)
    assert min(free) > 1e-2
    assert norms == pytest.approx([1e-3] * len(norms), rel=1e-3)


def test_the_learner_is_given_the_weights_of_the_classes(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def learner(network: Any, training: Any, class_weights: Any, ranks: Any, task: Any) -> None:
        given.append((training, class_weights))
        raise Reached

    monkeypatch.setattr(fitting, "Learner", learner)
    with pytest.raises(Reached):
        fitted(tmp_path, store, seed=5)
    ((training, class_weights),) = given
    assert training.seed == 5
    assert class_weights == [0.5, 1.0, 1.5]


def test_the_seed_decides_the_first_weights(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[torch.Tensor] = []

    def learner(network: nn.Module, training: Any, class_weights: Any, ranks: Any, task: Any) -> None:
        first.append(torch.cat([weight.flatten() for weight in network.parameters()]))
        raise Reached

    monkeypatch.setattr(fitting, "Learner", learner)
    for number, seed in enumerate((0, 0, 1)):
        with pytest.raises(Reached):
            fitted(tmp_path / str(number), store, seed=seed)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


@pytest.mark.parametrize("what", ["store", "split", "code", "settings", "weights"])
def test_a_folder_of_other_work_is_trained_anew(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Weights of another store, another split or other code are not taken for this run's."""
    trained: list[bool] = []
    run_epochs = fitting.run_epochs

    def watched(learner: Learner, *arguments: Any, **options: Any) -> None:
        trained.append(bool(learner.history))
        run_epochs(learner, *arguments, **options)

    monkeypatch.setattr(fitting, "run_epochs", watched)
    fitted(tmp_path, store)
    fitted(tmp_path, store)
    assert trained == [False]  # the second took what was there
    identity, options = {"store": "s", "split": "t"}, {}
    if what in identity:
        identity[what] = "other"
    elif what == "code":
        monkeypatch.setattr(fitting, "code_digest", lambda model: "other")
    elif what == "settings":
        options = {"weight_decay": 0.5}
    else:
        monkeypatch.setattr(fitting, "read_json", lambda path: {"class_weights": None})
    fitted(tmp_path, store, identity, **options)
    assert trained == [False, False]  # from nothing, and not on from there


def test_settings_that_change_no_result_are_no_other_work(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted(tmp_path, store)
    monkeypatch.setattr(fitting, "run_epochs", None)
    assert not fitting.NO_IDENTITY - set(Training.model_fields)
    fitted(tmp_path, store, max_time=3600, checkpoint_every=1, leak_meter=True, devices=2, nodes=2)
    settings = read_json(tmp_path / "run.json")["training"]
    assert not {"devices", "nodes", "sync_batchnorm"} & settings.keys()  # which runs from before lack
    with pytest.raises(TypeError):  # the function that would train it
        fitted(tmp_path, store, sync_batchnorm=True)
