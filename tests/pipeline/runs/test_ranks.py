"""Jobs that train on two ranks: their run is that of one, and every end of them is one line."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from corpora import write_corpus
from safetensors.numpy import load_file
from stores_of import built
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch's stubs lack it
from waiting import wait_until

from pipeline.commands.main import main
from pipeline.config.schema import parse
from pipeline.runs.rank_count import check_shared, rank_count
from pipeline.support.errors import InputError
from pipeline.workflow import notebook
from pipeline.workflow.jobs import TrainJob
from pipeline.workflow.plan import plan_of
from pipeline.workflow.train_job import run_train_job
from stores.files import read_json
from training.evaluation.prediction_table import PREDICTIONS
from training.ranks import Ranks
from training.settings import Training

ROOT = Path(__file__).parents[3]
TRAINING: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 6,
    "learning_rate": 1e-4,
    "class_weight": "balanced",
    "sync_batchnorm": True,
    "device": "cpu",
    "precision": "float32",
    "checkpoint_every": 0,
    "leak_meter": True,
}
MODEL = {"name": "cnn", "depth": 2, "width": 16, "dense": [8], "dropout": 0.0}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configuration of one experiment on one and on two ranks; its store is built."""
    folder = tmp_path_factory.mktemp("ranks")
    corpus = {"root": str(write_corpus(folder / "corpus", "abc", 7))}
    experiment = {"corpus": corpus, "recipe": "small", "model": MODEL}
    config = {
        "work_dir": str(folder / "work"),
        "clips_per_shard": 4,
        "recipes": {"small": {"frames": 24, "n_mels": 32, "variants": {"pitch": None, "stretch": None}}},
        "experiments": {
            name: experiment | {"training": TRAINING | own} for name, own in (("one", {}), ("two", {"devices": 2}))
        },
    }
    path = folder / "mine.yaml"
    path.write_text(json.dumps(config))
    built(plan_of([path]), "one")
    return path


def command(config: Path, experiment: str, *more: str) -> list[str]:
    target = plan_of([config]).experiments[experiment]
    return [sys.executable, "-m", "pipeline", "train", target.train_job, "--config-path", target.config_path, *more]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def numbers(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)}


@pytest.mark.usefixtures("environment")
def test_a_run_whose_rank_was_killed_goes_on_and_ends_as_that_of_one_rank(config: Path, tmp_path: Path) -> None:
    runs = config.parent / "work" / "runs"
    (tmp_path / "log").write_text("of the run before")
    words = command(config, "two", "--workers", "2", "--lock", str(tmp_path / "lock"), "--log", str(tmp_path / "log"))
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        wait_until((runs / "two" / "checkpoints" / "last.ckpt").exists, process)
        os.kill(last_rank(process.pid), signal.SIGKILL)
        assert process.stderr is not None
        printed = process.stderr.read()
    assert process.returncode == 1
    assert printed.splitlines()[-1] == (
        "otogura: rank 2 of 2 was ended by SIGKILL; the same command goes on from the last checkpoint"
    )
    assert (tmp_path / "log").read_text() == printed
    events = (runs / "two" / "events.jsonl").read_text().splitlines()
    assert json.loads(events[-1])["reason"] in printed
    printed = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=True).stderr
    assert re.search("going on in epoch [12], after", printed)
    assert printed.count("epoch 2/2") == 2  # that of the leak meter as well
    train_alone(config)
    one, two = (read_json(runs / name / "metrics.json") for name in ("one", "two"))
    assert numbers(two) == pytest.approx(numbers(one), rel=1e-3, abs=1e-5)
    assert two["leak"]["claimed_accuracy"] == one["leak"]["claimed_accuracy"]
    assert two.keys() == one.keys()
    for before, after in zip(one["history"], two["history"], strict=True):
        assert after == pytest.approx(before, rel=1e-5)
    weights = [load_file(runs / name / "model.safetensors") for name in ("one", "two")]
    for name, value in weights[0].items():
        np.testing.assert_allclose(weights[1][name], value, rtol=1e-3, atol=1e-5, err_msg=name)
    identities = [read_json(runs / name / "run.json") for name in ("one", "two")]
    assert identities[0] == identities[1]
    tables = [pq.read_table(runs / name / PREDICTIONS) for name in ("one", "two")]
    exact = [name for name, column in zip(tables[0].column_names, tables[0], strict=True) if column.type == "string"]
    assert tables[1].select(exact) == tables[0].select(exact)


def train_alone(config: Path) -> None:
    target = plan_of([config]).experiments["one"]
    run_train_job(TrainJob.model_validate_json(target.train_job), config_path=target.config_path, tracking=[])


def test_torchrun_starts_the_command_that_trains(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here as one process, whose features are built."""
    monkeypatch.chdir(config.parent)
    monkeypatch.setattr(sys, "argv", ["otogura", "train", "one", "--configfile", "mine.yaml"])
    with pytest.raises(SystemExit):
        main()
    assert (
        capsys.readouterr().err
        == "otogura: expected to be started by torchrun; on one machine, say snakemake train_one\n"
    )
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    numbers = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "LOCAL_WORLD_SIZE": 1, "MASTER_PORT": store.port}
    for name, value in numbers.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    asked: list[str] = []
    monkeypatch.setattr(notebook, "_bring_up_to_date", lambda config, files: asked.extend(path.name for path in files))
    train_alone(config)
    report = config.parent / "work" / "runs" / "one" / "report.html"
    report.unlink()
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert report.is_file()
    assert asked[0] == "current.json"
    monkeypatch.setattr(sys, "argv", ["otogura", "train", "three", "--configfile", "mine.yaml"])
    with pytest.raises(SystemExit):
        main()
    assert "otogura: mine.yaml: expected one of the experiments one, two, got 'three'" in capsys.readouterr().err


def last_rank(parent: int) -> int:
    """Return the process of the rank that was started last."""
    ranks = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(parent):
                ranks.append(int(folder.name))
    assert len(ranks) == 2
    return max(ranks)


def test_a_batch_that_ranks_cannot_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"x\.training\.batch_size: expected a multiple of 3, the processes that share a batch .*, got 16"
    settings = {"experiments": {"x": {"corpus": {"root": "x"}, "training": {"devices": 3}}}}
    with pytest.raises(InputError, match=message):
        parse(settings, "mine.yaml")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    with pytest.raises(InputError, match=message):
        rank_count(Training(devices="auto"), "x")
    with pytest.raises(InputError, match=message):
        check_shared(Training(devices="auto"), Ranks(0, 3), "x")


def test_as_many_ranks_are_started_as_there_are_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rank_count(Training(device="cpu"), "x") == 1
    assert rank_count(Training(device="cpu", devices="auto"), "x") == 1
    assert rank_count(Training(device="cpu", devices=4), "x") == 4
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert rank_count(Training(), "x") == 1
    assert rank_count(Training(devices="auto"), "x") == 2
    with pytest.raises(InputError, match=r"x\.training\.devices: expected at most 2, the GPUs that torch finds"):
        rank_count(Training(devices=4), "x")
    with pytest.raises(InputError, match=r"x\.training\.nodes: expected 1 for Snakemake.*torchrun"):
        rank_count(Training(nodes=2), "x")
    check_shared(Training(devices=2, nodes=2), Ranks(0, 4), "x")
    check_shared(Training(devices=2), Ranks(), "x")  # a notebook, which is one process
    with pytest.raises(InputError, match=r"x\.training: expected 2 processes \(devices × nodes\), got 4 from torchrun"):
        check_shared(Training(devices=2), Ranks(0, 4), "x")
