"""Training learns, stops, resumes where it was, and is not done twice."""

import json
import logging
import re
import time
import warnings
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.runs.corpus import learned_corpus
from stores import Store
from training import fit as fitting
from training import loop
from training import schedule as rates
from training.artefact import read_artefact, write_artefact
from training.errors import TrainingError
from training.evaluation.predict import predict
from training.evaluation.scores import score
from training.fit import Fitted, fit
from training.learner import Learner
from training.loop import BeforeEpoch
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.settings import Augment, Training
from training.stream import ClipStream

MODEL = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1, dropout=0.0)


def run(
    folder: Path,
    store: Store,
    epochs: int = 4,
    until: float | None = None,
    before_epoch: BeforeEpoch | None = None,
    label: str = "",
    **options: Any,
) -> Fitted:
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    training = Training(**{"epochs": epochs, "batch_size": 6, "precision": "float32", "device": "cpu", **options})
    train = ClipStream(
        store, np.arange(12), labels, batch_size=6, variants=store.variants, views=training.views, shuffle=True
    )
    validation = None if not training.validates else ClipStream(store, np.arange(12, 18), labels, batch_size=6)
    return fit(
        folder,
        train,
        validation,
        classes=["a", "b", "c"],
        model=MODEL,
        training=training,
        identity={"store": store.identity},
        before_epoch=before_epoch,
        until=until,
        label=label,
    )


def weights(fitted: Fitted) -> list[np.ndarray]:
    return [value.numpy() for value in fitted.network.state_dict().values()]


def test_the_loss_falls_and_the_best_epoch_is_kept(tmp_path: Path, store: Store) -> None:
    fitted = run(tmp_path, store, epochs=6)
    assert [row["epoch"] for row in fitted.history] == list(range(6))
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    validation = ClipStream(store, np.arange(12, 18), labels, batch_size=6)
    scores = score(predict(fitted.network, validation, torch.device("cpu")), list("abc"))
    best = min(row["validation_loss"] for row in fitted.history)
    assert scores.summary["loss"] == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("learning_rate", [1e-3, 1e-12])
def test_a_run_that_was_stopped_ends_like_one_that_was_not(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, learning_rate: float
) -> None:
    """Also one that had stopped to improve, whose last epoch is not its best."""
    whole = run(tmp_path / "whole", store, learning_rate=learning_rate)
    learn = Learner.learn
    calls = 0

    def fail_in_the_third_epoch(self: Learner, *arguments: Any, **options: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 12 * 2 + 5:
            raise RuntimeError("power cut")
        learn(self, *arguments, **options)

    monkeypatch.setattr(Learner, "learn", fail_in_the_third_epoch)
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "cut", store, learning_rate=learning_rate)
    monkeypatch.undo()
    resumed = run(tmp_path / "cut", store, learning_rate=learning_rate)
    assert resumed.history == whole.history
    for a, b in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_finished_run_is_not_trained_again(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(tmp_path, store, epochs=2)
    monkeypatch.setattr(fitting, "run_epochs", None)
    second = run(tmp_path, store, epochs=2)
    assert second.history == first.history
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_that_ended_by_patience_stays_ended(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(tmp_path, store, epochs=30, learning_rate=1e-12, patience=2)
    monkeypatch.setattr(fitting, "run_epochs", None)
    second = run(tmp_path, store, epochs=30, learning_rate=1e-12, patience=2)
    assert second.history == first.history


def test_a_run_that_was_moved_knows_its_best_epoch(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", store, learning_rate=0.3)  # far too large: the first epochs are the best

    def cut(history: list[dict[str, float]], network: torch.nn.Module) -> None:
        if len(history) == 2:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "old", store, learning_rate=0.3, before_epoch=cut)
    (tmp_path / "old").rename(tmp_path / "new")
    moved = run(tmp_path / "new", store, learning_rate=0.3)
    assert moved.history == whole.history
    for a, b in zip(weights(moved), weights(whole), strict=True):
        np.testing.assert_array_equal(a, b)


def test_lost_checkpoints_are_trained_again(tmp_path: Path, store: Store) -> None:
    first = run(tmp_path, store, epochs=2)
    (tmp_path / "checkpoints" / "kept.ckpt").unlink()
    assert run(tmp_path, store, epochs=2).history == first.history


def test_other_settings_start_afresh(tmp_path: Path, store: Store) -> None:
    first = run(tmp_path, store, epochs=2)
    second = run(tmp_path, store, epochs=2, learning_rate=1e-4)
    assert second.history[0]["learning_rate"] != first.history[0]["learning_rate"]
    assert len(second.history) == 2


def test_each_line_names_the_run_among_others(tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "otogura")
    run(tmp_path, store, epochs=30, learning_rate=1e-12, patience=1, label="fold 2")
    *epochs, last = caplog.messages
    assert all(re.match(rf"fold 2, epoch {number}/30: ", line) for number, line in enumerate(epochs, start=1))
    assert " since fold 2, epoch " in last


def test_patience_stops_early(tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "otogura")
    fitted = run(tmp_path, store, epochs=30, learning_rate=1e-12, patience=2)
    losses = [epoch["validation_loss"] for epoch in fitted.history]
    assert len(losses) == losses.index(min(losses)) + 1 + 2 < 30
    best = losses.index(min(losses)) + 1
    assert caplog.messages[-1] == (
        f"training ends: the validation loss has not improved since epoch {best}/30 (patience 2)"
    )


def test_losses_that_do_not_fall_halve_the_rate(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "PLATEAU_EPOCHS", 1)
    history = run(tmp_path, store, epochs=8, learning_rate=1e-12).history
    losses, factor = [row["validation_loss"] for row in history], 1.0
    for epoch, row in enumerate(history):
        if epoch > 1:
            factor *= 1 if losses[epoch - 1] < min(losses[: epoch - 1]) else 0.5
        assert row["learning_rate"] == pytest.approx(1e-12 * factor * rates.decay_factor(epoch, 8), rel=1e-9, abs=0)
    assert factor < 1


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clips of the batch are named, with their variants."""
    first: list[dict[str, torch.Tensor]] = []
    learn = Learner.learn

    def watched(self: Learner, batch: dict[str, torch.Tensor], **options: Any) -> None:
        learn(self, batch, **options)
        if not first and not self._sums["train loss"].isfinite():
            first.append({name: batch[name].clone() for name in ("row", "variant")})

    monkeypatch.setattr(Learner, "learn", watched)
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, store, learning_rate=1e30)
    ids = store.rows["id"].take(first[0]["row"].numpy()).to_pylist()
    variants = [store.variants[variant] for variant in first[0]["variant"].tolist()]
    names = [name + f" ({variant})" * (variant != "original") for name, variant in zip(ids, variants, strict=True)]
    begin, _, end = str(caught.value).partition(" on; ")
    assert re.fullmatch("the training loss is not finite in epoch 1 from batch [2-9]", begin)
    assert end == (
        f"lower training.learning_rate, or look at the clips of that batch: {', '.join(names[:5])} and 1 more"
    )


def test_tensors_that_are_not_finite_are_named(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, read_batch = Store.clip, Store.read_batch

    def damaged(self: Store, row: int, variant: str = "original") -> np.ndarray:
        values = clip(self, row, variant)
        return np.full_like(values, np.nan) if (row, variant) == (3, "noise") else values

    def damaged_batch(self: Store, rows: list[int], variants: list[str], out: np.ndarray) -> None:
        read_batch(self, rows, variants, out)
        for place, item in enumerate(zip(rows, variants, strict=True)):
            if item == (3, "noise"):
                out[place] = np.nan

    monkeypatch.setattr(Store, "clip", damaged)
    monkeypatch.setattr(Store, "read_batch", damaged_batch)
    name = store.rows["id"][3].as_py()
    with pytest.raises(TrainingError) as caught:
        run(tmp_path, store)
    assert f"on; the tensors of {name} (noise) in {store.path} are not finite: otogura verify --rep" in str(
        caught.value
    )


def test_bf16_trains_to_float32_weights(tmp_path: Path, store: Store) -> None:
    fitted = run(tmp_path, store, epochs=1, precision="bfloat16")
    assert {weight.dtype for weight in fitted.network.parameters()} == {torch.float32}


def test_the_artefact_holds_all_that_inference_needs(tmp_path: Path, store: Store) -> None:
    from safetensors.torch import load_file

    fitted = run(tmp_path / "run", store, epochs=1)
    options: dict[str, Any] = {"model": MODEL, "classes": list("abc"), "recipe": store.manifest["recipe"]}
    options |= {"identity": store.manifest["identities"]["original"], "store": store.identity}
    options |= {"corpus": learned_corpus(store), "scores": {"accuracy": 0.5}}
    options["decision"] = {"temperature": 1.5, "not_sure_limit": 0.8}
    version = write_artefact(tmp_path, fitted.network, **options)
    described = json.loads((tmp_path / "model.json").read_text())
    assert described["version"] == version
    assert described["recipe"]["frames"] == 24
    assert (described["temperature"], described["not_sure_limit"]) == (1.5, 0.8)
    loaded = load_file(tmp_path / "model.safetensors")
    for name, value in fitted.network.state_dict().items():
        assert torch.equal(loaded[name], value)
    digest = read_artefact(tmp_path).weights_digest
    assert write_artefact(tmp_path, fitted.network, **{**options, "decision": {"temperature": 2.0}}) != version
    assert read_artefact(tmp_path).weights_digest == digest  # training that starts from it is not done again
    assert write_artefact(tmp_path, fitted.network, **{**options, "classes": list("xyz")}) != version
    assert read_artefact(tmp_path).weights_digest != digest
    assert write_artefact(tmp_path, fitted.network, **{**options, "scores": {}}) == version


def test_a_time_limit_stops_after_a_step_and_the_next_run_goes_on(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    whole = run(tmp_path / "whole", store, epochs=1)
    with pytest.raises(TrainingError, match="max_time has come in epoch 1 of 1, after 1 batches; the same command goe"):
        run(tmp_path / "limited", store, epochs=1, until=time.monotonic())
    caplog.set_level(logging.INFO, "otogura")
    caplog.clear()
    ended = run(tmp_path / "limited", store, epochs=1)
    assert [message.split(":")[0] for message in caplog.messages] == [
        "going on in epoch 1, after 1 batches",
        "epoch 1/1",
    ]
    assert ended.history == whole.history
    for ours, theirs in zip(weights(ended), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("until", "batches"), [(8.0, 8), (8.5, 8), (7.9, 7)])
def test_another_step_begins_while_one_as_long_fits_in(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, until: float, batches: int
) -> None:
    """By a clock that goes on by a second whenever it is looked at, which is after each step."""
    clock = count(0, 1.0).__next__
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=clock))
    with pytest.raises(TrainingError, match=f"after {batches} batches"):
        run(tmp_path, store, until=until)


def test_a_run_says_its_epochs_and_nothing_else(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=count(100, 2.5).__next__))
    first = run(tmp_path / "best", store, epochs=2).history
    last = run(tmp_path / "last", store, epochs=1, keep="last").history
    assert caplog.messages == [
        *(
            f"epoch {number}/2: loss {row['train_loss']:.3f}, validation loss {row['validation_loss']:.3f}, "
            f"validation accuracy {row['validation_accuracy']:.3f}, 32.5 s"
            for number, row in enumerate(first, start=1)
        ),
        f"epoch 1/1: loss {last[0]['train_loss']:.3f}, 32.5 s",
    ]


def test_what_a_network_warns_of_is_not_hidden(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = Learner.learn

    def warning(self: Learner, *arguments: Any, **options: Any) -> None:
        warnings.warn("look here", stacklevel=1)
        learn(self, *arguments, **options)

    monkeypatch.setattr(Learner, "learn", warning)
    with pytest.raises(UserWarning, match="look here"):
        run(tmp_path, store, epochs=1)


def test_accumulated_batches_step_less_often(tmp_path: Path, store: Store) -> None:
    steps = []
    for name, accumulate in (("one", 1), ("four", 4)):
        run(tmp_path / name, store, epochs=1, accumulate=accumulate)
        saved = torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)
        steps.append(set(map(int, saved["learner"]["optimizer"]["steps"])))
    assert steps == [{12}, {3}]


def test_the_last_epoch_is_kept_where_nothing_validates(tmp_path: Path, store: Store) -> None:
    whole = run(tmp_path / "whole", store, keep="last", schedule="constant")
    assert [sorted(row) for row in whole.history] == [["epoch", "learning_rate", "train_accuracy", "train_loss"]] * 4
    saved = torch.load(tmp_path / "whole" / "checkpoints" / "last.ckpt", weights_only=True)["learner"]["network"]
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, saved[name])
    again = run(tmp_path / "whole", store, keep="last", schedule="constant")
    assert again.history == whole.history


def test_the_last_epoch_is_kept_though_clips_validate(tmp_path: Path, store: Store) -> None:
    fitted = run(tmp_path, store, keep="last", validation=True, schedule="cosine", learning_rate=1e-12, patience=1)
    losses = [row["validation_loss"] for row in fitted.history]
    assert len(losses) == 4  # no patience ends it
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["learner"]["network"]
    for name, weight in fitted.network.state_dict().items():
        assert torch.equal(weight, saved[name])


def test_what_is_kept_is_the_average_of_the_weights(tmp_path: Path, store: Store) -> None:
    fitted = run(tmp_path / "averaged", store, epochs=2, average=0.9)
    saved = torch.load(tmp_path / "averaged" / "checkpoints" / "last.ckpt", weights_only=True)["learner"]
    assert fitted.history[-1]["validation_loss"] < fitted.history[0]["validation_loss"]  # the last epoch is the best
    plain = run(tmp_path / "plain", store, epochs=2)
    differs = False
    for name, weight in fitted.network.state_dict().items():
        assert torch.equal(weight, saved["average"][f"module.{name}"])
        differs |= not torch.equal(weight, saved["network"][name])
    assert differs
    # Training itself is the same; only what is looked at and kept is not.
    assert [row["train_loss"] for row in fitted.history] == [row["train_loss"] for row in plain.history]
    assert [row["validation_loss"] for row in fitted.history] != [row["validation_loss"] for row in plain.history]


def test_an_averaged_run_that_was_stopped_ends_like_one_that_was_not(tmp_path: Path, store: Store) -> None:
    options: dict[str, Any] = {"epochs": 3, "average": 0.9, "keep": "last", "augment": Augment(mixup=0.4), "views": 2}
    whole = run(tmp_path / "whole", store, **options)
    with pytest.raises(TrainingError, match="max_time"):
        run(tmp_path / "cut", store, until=time.monotonic(), **options)
    resumed = run(tmp_path / "cut", store, **options)
    assert resumed.history == whole.history
    for ours, theirs in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
