"""Features of users' own of every shape through whole small runs, with networks of users' own and built-in ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import write_corpus
from stores_of import built

import otogura
from pipeline.runs.train import train_experiment
from pipeline.workflow.plan import plan_of
from stores import open_store
from stores.files import write_json

PARTS = """
import numpy as np
from torch import nn

def spectrum(samples, shape):
    blocks = samples[: shape[1] * 200].reshape(shape[1], 200)
    return np.log(np.abs(np.fft.rfft(blocks)).T[: shape[0]] + 1e-3)

class Rows:
    axes, units = ("bin", "frame"), "nepers"
    def __init__(self, samples: int):
        self.shape = (40, samples // 200)
    def compute(self, samples, sample_rate_hz):
        return spectrum(samples, self.shape)

class Planes(Rows):
    axes = ("bin", "frame", "power")
    def __init__(self, samples: int):
        super().__init__(samples)
        self.shape = (*self.shape, 2)
    def compute(self, samples, sample_rate_hz):
        rows = spectrum(samples, self.shape)
        return np.stack([rows, rows**2], axis=2)

class Numbers(Rows):
    shape, axes = (40,), ("bin",)
    def __init__(self, samples: int):
        self.samples = samples
    def compute(self, samples, sample_rate_hz):
        return spectrum(samples, (40, self.samples // 200)).mean(axis=1)

class Samples(Numbers):
    axes = ("sample",)
    def __init__(self, samples: int):
        self.shape = (samples,)
    def compute(self, samples, sample_rate_hz):
        return samples

class Linear(nn.Module):
    def __init__(self, classes: int, shape: tuple):
        super().__init__()
        self.shape = shape
        self.norm, self.head = nn.LazyBatchNorm1d(), nn.LazyLinear(classes)
    def forward(self, x):
        assert x.shape[1:] == self.shape
        return self.head(self.norm(x.flatten(1)))
"""
OWN = {"class": "parts.py:Linear", "reads": "own"}
CLIPS = 8  # of each of three classes


@pytest.mark.parametrize(
    ("feature", "model", "shape"),
    [
        ("Rows", {"name": "resnet18", "width": 0.125, "crop": None}, (40, 40, 1)),
        ("Rows", {"name": "linear_probe"}, (40, 40, 1)),
        ("Rows", OWN, (40, 40, 1)),
        ("Planes", OWN, (40, 40, 2)),
        ("Numbers", OWN, (40,)),
        ("Samples", OWN, (8000,)),
    ],
)
def test_a_run_learns_it_reports_it_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, feature: str, model: dict[str, Any], shape: tuple[int, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("parts.py").write_text(PARTS)
    write_corpus(tmp_path / "corpus", "abc", CLIPS)
    recipe = {"class": f"parts.py:{feature}", "sample_rate_hz": 8000, "seconds": 1}
    recipe |= {"variants": dict.fromkeys(["noise", "stretch", "pitch", "rolloff"])}
    training = {"epochs": 3, "batch_size": 4, "device": "cpu"}
    experiment = {"corpus": {"root": "corpus"}, "recipe": "mine", "model": model, "training": training}
    write_json(Path("mine.yaml"), {"experiments": {"x": experiment}, "recipes": {"mine": recipe}})
    plan = plan_of([Path("mine.yaml")])
    store = open_store(built(plan))
    assert (store.clip_shape, store.variants) == (shape, ("original", "shift"))
    metrics = train_experiment(Path("run"), store, plan.config.experiments["x"], name="x", config_path="x")
    assert np.isfinite(metrics["loss"])
    assert metrics["linear_baseline"]["accuracy"] > 0.5  # classes are tones
    page = Path("run/report.html").read_text()
    assert "<h2>Where it looked</h2>" in page
    assert "logistic regression accuracy" in page
    trained = otogura.load_model("run")
    answer = trained.predict(next((tmp_path / "corpus").rglob("*.wav")))
    assert answer.class_name in "abc"
    assert sum(answer.probabilities.values()) == pytest.approx(1)
