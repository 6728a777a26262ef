"""Networks of users' own through whole small runs: attention, folds, earlier weights, an interruption, a search."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file
from stores_of import built, plan_of_tones, small_store

from pipeline.config.schema import parse
from pipeline.runs.train import train_experiment
from pipeline.search.study import search
from pipeline.support.errors import InputError
from pipeline.workflow.jobs import SearchJob
from pipeline.workflow.plan import plan_of
from stores import Store
from training.errors import TrainingError
from training.learner import Learner

NET = """
import torch
from torch import nn
from training.models.network import Attention

class Net(nn.Module):
    def __init__(self, classes: int, width: int = 8, dropout: float = 0.2):
        super().__init__()
        self.steps = nn.Sequential(nn.LazyConv1d(width, 3, padding=1), nn.ReLU(), nn.Dropout(dropout))
        self.gate = nn.Conv1d(width, 1, 1)
        self.head = nn.Linear(width, classes)

    def weights(self, steps):
        return self.gate(steps)[:, 0].softmax(dim=1)

    def forward(self, x):
        steps = self.steps(x.flatten(1, 2))
        return self.head((steps * self.weights(steps)[:, None]).sum(dim=2))

class Attends(Net):
    def attention_over_time(self, features):
        return Attention(self.weights(self.steps(features.flatten(1, 2))), None)
"""
TRAINING = {"epochs": 2, "batch_size": 4, "device": "cpu", "precision": "float32", "variants": "original"}
CLIPS = 6  # of each of three classes


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("own"), clips=CLIPS)


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)


def model(name: str = "Net", **settings: Any) -> dict[str, Any]:
    return {"class": f"net.py:{name}", "reads": "four_channel", **settings}


def train(folder: str, store: Store, network: dict[str, Any], start: str | None = None, **options: Any) -> Any:
    sections = {"corpus": {"root": "x"}, "model": network, "training": TRAINING} | options
    chosen = parse({"experiments": {"x": sections}}, "").experiments["x"]
    init_from = None if start is None else Path(start)
    return train_experiment(Path(folder), store, chosen, name="x", config_path="x", init_from=init_from)


def weights(folder: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(Path(folder, "model.safetensors"))
    return found


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Store], None]:
    """Begin a run, and end it in its second epoch."""

    def begin(folder: str, store: Store) -> None:
        learn, calls = Learner.learn, 0

        def fail_in_the_second_epoch(self: Learner, *arguments: Any, **options: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == 4:
                raise RuntimeError("power cut")
            learn(self, *arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(Learner, "learn", fail_in_the_second_epoch)
            with pytest.raises(RuntimeError, match="power cut"):
                train(folder, store, model())
        assert list(Path(folder, "checkpoints").iterdir())

    return begin


def test_its_attention_is_in_the_report_beside_the_occlusion(store: Store) -> None:
    metrics = train("run", store, model("Attends"))
    assert -1 <= metrics["attention"]["agreement"] <= 1
    page = Path("run/report.html").read_text()
    assert page.count(">attention<") == page.count(">occlusion<") >= metrics["attention"]["clips"] > 0
    assert ">heads<" not in page  # which it does not give
    without = train("without", store, model())
    assert without["attention"] is None
    assert ">attention<" not in Path("without/report.html").read_text()
    assert same(weights("run"), weights("without"))  # attention is looked at, and changes nothing


def test_a_run_starts_from_the_weights_of_another(store: Store) -> None:
    before = train("before", store, model())
    after = train("after", store, model(), start="before", drop=["b"])
    assert after["classes"] == ["a", "c"]
    page = Path("after/report.html").read_text()
    assert f"The weights come from before, model {before['model_version']}. It knew b as well" in page
    train("fresh", store, model(), drop=["b"])
    assert not same(weights("after"), weights("fresh"))
    with pytest.raises((InputError, TrainingError), match="expected a network of the same layers as in before"):
        train("wider", store, model(width=9), start="before")


def test_an_interrupted_run_ends_as_if_it_had_been_left_alone(
    store: Store, interrupted: Callable[[str, Store], None]
) -> None:
    whole = train("whole", store, model())
    interrupted("cut", store)
    resumed = train("cut", store, model())
    assert resumed["history"] == whole["history"]
    assert same(weights("cut"), weights("whole"))


def test_a_run_that_was_interrupted_before_an_edit_begins_anew(
    store: Store, interrupted: Callable[[str, Store], None]
) -> None:
    interrupted("cut", store)
    Path("net.py").write_text(NET.replace("nn.ReLU()", "nn.GELU()"))
    train("cut", store, model())
    train("fresh", store, model())
    assert same(weights("cut"), weights("fresh"))


def test_each_fold_has_a_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    folds = store.rows.column_names.index("fold")
    monkeypatch.setattr(store, "rows", store.rows.set_column(folds, "fold", pa.array(np.arange(len(store)) % 3)))
    given = {"corpus": {"root": "x", "table": "t.csv", "fold": "fold"}, "folds": [0, 1, 2]}
    metrics = train("run", store, model(), **given)
    assert metrics["folds"] == [0, 1, 2]
    assert np.sum(metrics["confusion"]) == len(store)
    described = [json.loads(Path(f"run/fold-{fold}/model.json").read_text())["model"] for fold in (0, 1, 2)]
    assert {each["class"] for each in described} == {"net.py:Net"}
    assert len({each["version"] for each in described}) == 1
    assert not same(weights("run/fold-0"), weights("run/fold-1"))


def test_a_search_finds_its_settings(tmp_path: Path) -> None:
    built(plan_of_tones(tmp_path, clips=CLIPS, noise=None, shift=None, rolloff=None))
    config = json.loads(Path("mine.yaml").read_text())
    space = {"model.width": [4, 8], "model.dropout": {"low": 0.0, "high": 0.5}}
    config["experiments"]["x"] |= {
        "model": model(),
        "training": TRAINING,
        "search": {"trials": 3, "epochs": 1, "space": space},
    }
    Path("searched.yaml").write_text(json.dumps(config))
    job = SearchJob.model_validate_json(plan_of([Path("searched.yaml")]).experiments["x"].search_job)
    search(job.model_copy(update={"folder": Path("found")}), workers=1, config_path="x")
    with open("found/trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["model.width"] == "8"  # the experiment as it stands
    assert {row["model.width"] for row in rows[1:]} <= {"4", "8"}
    best = min(rows, key=lambda row: float(row["validation_loss"]))
    found = plan_of([Path("found/best.yaml")]).config.experiments["x_best"].model.model_dump()
    assert (found["class"], str(found["width"])) == ("net.py:Net", best["model.width"])
    assert found["dropout"] == float(best["model.dropout"])
