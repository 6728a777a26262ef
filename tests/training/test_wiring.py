"""Wiring: Lightning, the optimiser and the average get what the settings say; other work is never taken over."""

import logging
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from stores import Store
from stores.files import read_json
from training import fit as fitting
from training.artefact import Artefact, read_artefact, write_artefact
from training.fit import fit
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.module import BETAS, EPS, Classifier
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


@pytest.mark.parametrize(
    ("device", "accelerator", "terminal", "worker", "bar"),
    [
        ("cpu", "cpu", True, False, True),
        ("cuda", "gpu", True, True, False),  # workers share one terminal
        ("cpu", "cpu", False, False, False),
    ],
)
def test_the_trainer_is_told_what_the_settings_say(
    tmp_path: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    accelerator: str,
    terminal: bool,
    worker: bool,
    bar: bool,
) -> None:
    told: dict[str, Any] = {}

    def trainer(**options: Any) -> None:
        told.update(options)
        raise Reached

    monkeypatch.setattr(fitting.pl, "Trainer", trainer)
    monkeypatch.setattr(fitting.sys, "stderr", SimpleNamespace(isatty=lambda: terminal))
    monkeypatch.setattr(fitting, "parent_process", lambda: "a process" if worker else None)
    with pytest.raises(Reached):
        fitted(tmp_path, store, gradient_clip=0.25, accumulate=3, epochs=9, precision="bfloat16", device=device)
    assert [type(callback).__name__ for callback in told.pop("callbacks")] == ["Checkpoints", "_Epochs"]
    assert told == {
        "accelerator": accelerator,
        "devices": 1,
        "precision": "bf16-mixed",
        "max_epochs": 9,
        "gradient_clip_val": 0.25,
        "accumulate_grad_batches": 3,
        "logger": False,
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "enable_progress_bar": bar,
    }


@pytest.mark.parametrize("raises", [False, True])
def test_a_run_that_is_told_to_end_exits_like_other_programs(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, raises: bool
) -> None:
    """Lightning ends an epoch before, or raises where that takes too long."""

    class Ended:
        received_sigterm = True

        def fit(self, *arguments: Any, **options: Any) -> None:
            if raises:
                raise SIGTERMException

    monkeypatch.setattr(fitting.pl, "Trainer", lambda **options: Ended())
    with pytest.raises(SystemExit) as ended:
        fitted(tmp_path, store)
    assert ended.value.code == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("device", "there", "expected"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", False, "cuda")],
)
def test_a_gpu_is_used_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, device: Any, there: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert fitting.device_of(Training(device=device)) == torch.device(expected)


@pytest.mark.parametrize(
    ("precision", "device", "fast", "expected"),
    [
        ("float32", "cuda", "gpu", "32-true"),
        ("bfloat16", "cpu", "", "bf16-mixed"),
        ("float16", "cuda", "gpu", "16-mixed"),
        ("auto", "cuda", "gpu", "bf16-mixed"),
        ("auto", "cuda", "emulated avx512 amx", "16-mixed"),
        ("auto", "cpu", "avx512", "bf16-mixed"),
        ("auto", "cpu", "amx", "bf16-mixed"),
        ("auto", "cpu", "gpu", "32-true"),
    ],
)
def test_the_precision_is_what_the_hardware_computes(
    monkeypatch: pytest.MonkeyPatch, precision: Any, device: Any, fast: str, expected: str
) -> None:
    def gpu_can(including_emulation: bool = True) -> bool:
        return "gpu" in fast or (including_emulation and "emulated" in fast)

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", gpu_can)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: "avx512" in fast)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: "amx" in fast)
    assert fitting.precision_of(Training(precision=precision, device=device)) == expected


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
    options: dict[str, Any] = {"recipe": store.manifest["recipe"], "store": "", "decision": {}}
    write_artefact(tmp_path / "first", network, model=MODEL, classes=classes, **options)
    start = read_artefact(tmp_path / "first")
    given: list[nn.Module] = []

    def classifier(network: nn.Module, training: Any, class_weights: Any) -> None:
        given.append(network)
        raise Reached

    monkeypatch.setattr(fitting, "Classifier", classifier)
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
        "training": training.model_dump(mode="json", exclude={"max_time"}),
        "class_weights": [0.5, 1.0, 1.5],
        "code": fitting.code_digest("resnet_attention"),
        "start": start.version,
    }


def test_gradients_are_clipped_to_the_norm_that_is_set(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = []
    step = torch.optim.AdamW.step

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        result = step(self, *arguments, **options)
        gradients = [
            weight.grad for group in self.param_groups for weight in group["params"] if weight.grad is not None
        ]
        norms.append(float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))))
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    fitted(tmp_path / "free", store, gradient_clip=1e6)
    free, norms = norms, []
    fitted(tmp_path / "clipped", store, gradient_clip=1e-3)
    assert min(free) > 1e-2
    assert norms == pytest.approx([1e-3] * len(norms), rel=1e-3)


def test_the_optimiser_has_the_settings_of_the_run() -> None:
    classifier = Classifier(nn.Linear(2, 2), Training(learning_rate=0.03, weight_decay=0.07, schedule="constant"))
    optimizer = classifier.configure_optimizers()
    assert isinstance(optimizer, torch.optim.AdamW)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"], group["betas"], group["eps"]) == (0.03, 0.07, BETAS, EPS)
    assert len(group["params"]) == 2


def test_the_classifier_is_given_the_weights_of_the_classes(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def classifier(network: Any, training: Any, class_weights: Any) -> None:
        given.append((training, class_weights))
        raise Reached

    monkeypatch.setattr(fitting, "Classifier", classifier)
    with pytest.raises(Reached):
        fitted(tmp_path, store, seed=5)
    ((training, class_weights),) = given
    assert training.seed == 5
    assert class_weights.tolist() == [0.5, 1.0, 1.5]


def test_the_seed_decides_the_first_weights(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[torch.Tensor] = []

    def classifier(network: nn.Module, training: Any, class_weights: Any) -> None:
        first.append(torch.cat([weight.flatten() for weight in network.parameters()]))
        raise Reached

    monkeypatch.setattr(fitting, "Classifier", classifier)
    for number, seed in enumerate((0, 0, 1)):
        with pytest.raises(Reached):
            fitted(tmp_path / str(number), store, seed=seed)
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_the_average_has_the_buffers_of_batch_norm_as_well() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    classifier = Classifier(network, Training(average=0.9))
    assert classifier.average is not None
    expected = None
    for value in (1.0, 2.0, 4.0):
        with torch.no_grad():
            network[0].weight.fill_(value)
            network[1].running_mean.fill_(10 * value)
        classifier.average.update_parameters(network)
        expected = value if expected is None else 0.9 * expected + 0.1 * value
    kept = classifier.kept_network
    assert torch.allclose(kept[0].weight, torch.full((3, 3), expected))  # type: ignore[index]
    assert torch.allclose(kept[1].running_mean, torch.full((3,), 10 * expected))  # type: ignore[index, operator]
    assert Classifier(network, Training()).kept_network is network


@pytest.mark.parametrize("what", ["store", "split", "code", "settings", "weights"])
def test_a_folder_of_other_work_is_trained_anew(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Weights of another store, another split or other code are not taken for this run's."""
    trained: list[bool] = []
    train = fitting._train

    def watched(*arguments: Any) -> None:
        trained.append(arguments[0].last_path.is_file())
        train(*arguments)

    monkeypatch.setattr(fitting, "_train", watched)
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


def test_a_longer_time_limit_is_no_other_work(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted(tmp_path, store)
    monkeypatch.setattr(fitting, "_train", None)
    fitted(tmp_path, store, max_time=3600)
