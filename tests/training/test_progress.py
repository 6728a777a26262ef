"""Bars on terminals and in notebooks, lines elsewhere."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rich.console
from rich.console import Console

import training.console
import training.progress
from pipeline.support.progress import Meter
from stores import Store
from training.console import bar_console
from training.fit import fit
from training.history import best_epoch
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.progress import best_loss, epoch_name
from training.settings import Training
from training.stream import ClipStream

MODEL = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1, dropout=0.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_files_and_pipes_have_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert bar_console() is None


def test_a_terminal_has_one_unless_other_processes_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert bar_console() is not None
    monkeypatch.setattr(training.console, "parent_process", lambda: object())
    assert bar_console() is None


@pytest.mark.parametrize("widgets", [None, object()])
def test_a_notebook_has_one_where_it_can_draw_it_again(monkeypatch: pytest.MonkeyPatch, widgets: object) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setattr(training.console, "find_spec", lambda name: widgets if name == "ipywidgets" else None)
    assert (bar_console() is not None) == (widgets is not None)


def test_a_meter_follows_the_same_rule(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with Meter("tones", 2) as meter:
        meter.advance(2)
    assert capsys.readouterr().err.startswith("tones: 2/2, ")
    console = Console(file=Terminal(), force_terminal=True, width=90)
    monkeypatch.setattr("pipeline.support.progress.bar_console", lambda: console)
    with Meter("tones", 2) as meter:
        meter.advance(2)
    assert capsys.readouterr().err == ""
    assert "tones" in console.file.getvalue()  # type: ignore[attr-defined]


def test_names_and_scores() -> None:
    assert epoch_name(0, 3) == "epoch 1/3"
    assert epoch_name(2, 3, "fold 2") == "fold 2, epoch 3/3"
    history = [{"validation_loss": loss} for loss in (float("nan"), 0.5, 0.25, 0.25)]
    assert best_epoch(history) == 2
    assert best_loss(history) == "best loss 0.250"
    assert best_loss([{"train_loss": 1.0}]) == best_loss([]) == best_loss(history[:1]) == ""


def test_a_bar_shows_the_run_the_rate_and_the_best_loss(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(file=Terminal(), force_terminal=True, width=100)
    monkeypatch.setattr(training.progress, "bar_console", lambda: console)
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    settings = Training(epochs=2, batch_size=6, device="cpu", precision="float32")
    shown: dict[str, Any] = {"variants": store.variants, "shuffle": True}
    train = ClipStream(store, np.arange(12), labels, batch_size=6, **shown)
    validation = ClipStream(store, np.arange(12, 18), labels, batch_size=6)
    options: dict[str, Any] = {"model": MODEL, "training": settings, "identity": {}, "label": "fold 2"}
    history = fit(tmp_path, train, validation, classes=list("abc"), **options).history
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "fold 2, epoch 1/2" in text
    assert "fold 2, epoch 2/2" in text
    assert f"best loss {history[0]['validation_loss']:.3f}" in text
    assert "/72" in text  # clips of an epoch
    assert text.rstrip("\n\r").endswith("\x1b[2K")  # which disappears
