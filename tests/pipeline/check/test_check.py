"""`otogura check`: built-in parts keep their contracts, and broken ones are told what they break."""

from pathlib import Path
from typing import Any

import pytest
import torch
from onnx_models import SIZE, Levels, export
from pydantic import TypeAdapter
from typed import exit_code

from features.augmentations import AUGMENTATIONS
from features.tensors import RECIPES, recorded_recipe
from pipeline.check.augmentations import augmentation_checks
from pipeline.check.contract import outcomes
from pipeline.check.features import feature_checks
from pipeline.check.networks import network_checks
from training.models import MODELS, Model

ROOT = Path(__file__).parents[3]
# Small ones of each, on small tensors.
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "resnet_attention": ({"width": 0.125, "blocks": (1, 1, 1)}, {"frames": 32, "n_mels": 32}),
    "cnn1d_attention": ({"preset": "small", "filters": (16, 16, 16), "stride": 4}, {"samples": 8000}),
    "cnn": ({"width": 16}, {"frames": 32, "n_mels": 32}),
    "cnn4": ({"crop": (64, 96)}, {"frames": 100, "n_mels": 70}),
    "cnn6": ({"crop": (32, 64)}, {"frames": 72, "n_mels": 40}),
    "cnn8": ({"crop": (32, 64)}, {"frames": 72, "n_mels": 40}),
    "resnet18": ({"width": 0.25, "crop": (32, 64)}, {"frames": 72, "n_mels": 40}),
    "resnet_bottleneck": ({}, {}),
    "linear_probe": ({}, {"frames": 24, "n_mels": 32}),
}
BROKEN = """
import random
import numpy as np
import torch
from torch import nn

class Gain:
    def draw(self, rng): return {"factor": rng.uniform()}
    def apply(self, clip, parameters, rng): return clip.samples * np.float32(parameters["factor"])

class GlobalDraw(Gain):
    def draw(self, rng): return {"factor": float(np.random.rand()) + random.random()}

class Unsteady(Gain):
    calls = 0
    def apply(self, clip, parameters, rng):
        Unsteady.calls += 1
        return clip.samples + np.float32(Unsteady.calls)

class DividesByPower(Gain):
    def apply(self, clip, parameters, rng):
        with np.errstate(all="ignore"):
            return clip.samples / np.float32((clip.samples**2).mean())

class Level:
    shape, axes, units = (2, 5), ("statistic", "frame"), "1"
    def compute(self, samples, sample_rate_hz):
        parts = np.array_split(samples, 5)
        return np.array([[part.mean() for part in parts], [part.std() for part in parts]])

class Misshapen(Level):
    shape = (2, 6)

class Remembers(Level):
    last = 0.0
    def compute(self, samples, sample_rate_hz):
        Remembers.last, before = float(samples[0]), Remembers.last
        return super().compute(samples, sample_rate_hz) + before

class Loudness(Level):
    def compute(self, samples, sample_rate_hz):
        with np.errstate(all="ignore"):
            return np.log(super().compute(samples, sample_rate_hz)[1:].repeat(2, axis=0))

class Dither(Level):
    def compute(self, samples, sample_rate_hz):
        return super().compute(samples + np.random.normal(0, 1e-3, len(samples)), sample_rate_hz)

class Constant(Level):
    def compute(self, samples, sample_rate_hz): return np.zeros((2, 5))

class Net(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.pool, self.head = nn.AdaptiveAvgPool2d(4), nn.Linear(64, classes)
    def forward(self, x): return self.head(self.pool(x).flatten(1))

class OverTheBatch(Net):
    def forward(self, x): return super().forward(x - x.mean(dim=0))

class DeadWeight(Net):
    def __init__(self, classes: int):
        super().__init__(classes)
        self.unused = nn.Linear(3, 3)

class Gated(Net):
    def __init__(self, classes: int):
        super().__init__(classes)
        self.gate, self.drop = nn.Linear(1, 1), nn.Dropout(0.3)
    def forward(self, x):
        steps = self.pool(x).flatten(1)
        weights = self.gate(self.drop(steps)[:, :, None])[:, :, 0].softmax(dim=1)  # whatever the gate's bias
        return self.head(steps * weights)

class Restless(Net):
    def forward(self, x): return super().forward(x + torch.rand_like(x))

class NoWeight(Net):
    def __init__(self, classes: int):
        super().__init__(classes)
        self.scale = torch.rand(1)
    def forward(self, x): return super().forward(x * self.scale)

class Attends(Net):
    def attention_over_time(self, features):
        from training.models.network import Attention
        return Attention(torch.ones(len(features), 5), None)
"""


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_built_in_augmentations_keep_their_contract(name: str) -> None:
    broken = [outcome for outcome in outcomes(augmentation_checks(AUGMENTATIONS[name]())) if not outcome.passed]
    assert not broken


@pytest.mark.parametrize("kind", RECIPES)
def test_built_in_features_keep_their_contract(kind: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {}
    if kind == "embedding":
        export(tmp_path / "levels.onnx", Levels(), torch.zeros(2, 800))
        model = str(tmp_path / "levels.onnx")
        settings = {"model": model, "size": SIZE, "sample_rate_hz": 8000, "window_s": 0.1, "windows": 3}
    checks = feature_checks(recorded_recipe({"kind": kind} | settings))
    assert not [outcome for outcome in outcomes(checks) if not outcome.passed]


def test_every_built_in_network_is_checked() -> None:
    assert set(NETWORKS) == set(MODELS)


@pytest.mark.parametrize("name", NETWORKS)
def test_built_in_networks_keep_their_contract(name: str) -> None:
    settings, recipe = NETWORKS[name]
    model = TypeAdapter(Model).validate_python({"name": name} | settings)
    checks = network_checks(model, recorded_recipe({"kind": model.reads} | recipe))
    assert not [outcome for outcome in outcomes(checks) if not outcome.passed]


@pytest.fixture
def _broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("mine.py").write_text(BROKEN)


@pytest.mark.usefixtures("_broken")
@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("Gain", []),
        (
            "GlobalDraw",
            [
                "draws by the generator that is given: expected draws from the generator that is given, got some from "
                "`random`",
                "the same generator gives the same bytes: expected draws from the generator that is given, got some "
                "from `random`",
            ],
        ),
        ("Unsteady", ["the same generator gives the same bytes: expected the same bytes again, got others"]),
        (
            "DividesByPower",
            [
                "finite for silence, noise and clips of a few samples: OwnPartError: mine.py:DividesByPower: apply: "
                "expected finite samples, got NaN or infinite ones (drawn: {'factor': 0.5188}) "
            ],
        ),
        ("Level", []),
        (
            "Misshapen",
            [
                f"{check}: OwnPartError: mine.py:Misshapen: compute: expected floats of the sha"
                for check in (
                    "tensors as the recipe declares them",
                    "the same clip gives the same bytes",
                    "a clip is the same alone and after another",
                    "finite for silence, noise and clips of any length",
                    "travels to workers",
                    "time per clip",
                )
            ],
        ),
        (
            "Remembers",
            [
                "a clip is the same alone and after another: expected the same bytes after another clip, got others",
                "travels to workers: expected the same bytes in a worker, got others",
            ],
        ),
        (
            "Loudness",
            ["finite for silence, noise and clips of any length: OwnPartError: mine.py:Loudness: compute: exp"],
        ),
        (
            "Dither",
            [
                "the same clip gives the same bytes: expected draws from the generator that is given, got some from",
                "a clip is the same alone and after another: expected the same bytes after another clip, got others",
                "travels to workers: expected the same bytes in a worker, got others",
            ],
        ),
        ("Constant", ["a clip is the same alone and after another: expected other values for another clip, got"]),
        ("Net", []),
        ("Gated", []),
        ("OverTheBatch", ["a clip by itself has the logits that it has in a batch: expected 1e-05 at most, got "]),
        ("DeadWeight", ["every weight learns: expected a gradient for every weight, got none for unused.weight, "]),
        (
            "Restless",
            [
                "a clip by itself has the logits that it has in a batch: expected 1e-05 at most, got ",
                "evaluation repeats itself: expected the same logits again in evaluation mode",
                "the weights are all that it is: expected the same logits with the same weights",
            ],
        ),
        ("NoWeight", ["the weights are all that it is: expected the same logits with the same weights"]),
        ("Attends", ["attention over time: expected weights that sum to 1 for each clip"]),
    ],
)
def test_what_is_broken_is_told(
    name: str, broken: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = exit_code(monkeypatch, "check", f"mine.py:{name}")
    lines = capsys.readouterr().out.splitlines()
    assert status == bool(broken)
    told = [line.removeprefix("BROKEN  ") for line in lines if line.startswith("BROKEN")]
    assert [line[:60] for line in told] == [line[:60] for line in broken]
    assert all(line.startswith("ok      ") for line in lines if not line.startswith("BROKEN"))


def test_the_page_shows_what_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert exit_code(monkeypatch, "check", "examples/own/chroma.py:Chroma", "seconds=5") == 0
    page = (ROOT / "docs" / "own-parts.md").read_text()
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line not in page and "time per clip" not in line] == []


@pytest.mark.usefixtures("_broken")
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["mine.py:None_"], "mine.py: no class None_ in it; known there: Gain, "),
        (
            ["mine.py:Net", "width=3"],
            "check: width: unknown key; known here: class, reads, ",
        ),
        (["mine.py:Net", "width"], "check: expected settings as KEY=VALUE, got 'width'"),
        (["noise", "snr_db=[3, 1]"], "check: snr_db: the lower end 3 is above"),
        (["nothing"], "expected FILE.py:CLASS, got 'nothing'"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(monkeypatch, "check", *words) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"otogura: {line}")
    assert said.count("\n") == 1
