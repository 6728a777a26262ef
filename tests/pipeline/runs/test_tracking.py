"""Trackers that follow a training: whatever becomes of them, the run is the same."""

import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stores_of import small_store
from tracked import in_tensorboard, run_of

import pipeline.runs.single
import pipeline.runs.tracking
from pipeline.config.schema import parse
from pipeline.runs.cost import training_cost
from pipeline.runs.events import EVENTS, read_events
from pipeline.runs.tracking import RunEvents, start_follower
from pipeline.runs.train import train_experiment
from pipeline.support.errors import InputError
from stores import Store
from stores.files import read_json
from training.errors import OutOfTime, TrainingError

MODEL = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}
TRAINING = {"epochs": 3, "batch_size": 4, "device": "cpu", "views": 1}

# In the place of the library: what it does where a run is opened or told of an epoch, by OTOGURA_TEST_WANDB.
FAKE = """
import os, signal, socket
from types import SimpleNamespace

def wait_for_an_answer():
    host, port = os.environ["OTOGURA_TEST_ADDRESS"].split(":")
    with socket.create_connection((host, int(port))) as server:
        server.sendall(b"hello")
        server.recv(1)
    raise OSError("the server has gone away")

class Run:
    step = 0
    summary = {}

    def log(self, values, step, commit):
        print("told of", step, flush=True)
        if os.environ["OTOGURA_TEST_WANDB"] == "slow":
            wait_for_an_answer()
        if os.environ["OTOGURA_TEST_WANDB"] == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if os.environ["OTOGURA_TEST_WANDB"] == "raises":
            raise RuntimeError("no\\nspace")

    def finish(self, exit_code):
        print("finished", exit_code, flush=True)

def Settings(**settings):
    return settings

def init(**options):
    if os.environ["OTOGURA_TEST_WANDB"] == "black hole":
        wait_for_an_answer()
    return Run()
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("tracking"), "ab", 12)


@pytest.fixture(scope="module")
def untracked(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that no tracker follows."""
    folder = tmp_path_factory.mktemp("untracked") / "run"
    train(folder, store)
    return folder


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Threads that watch the followers."""
    watchers: list[Any] = []

    def start(folder: Path, tracker: str) -> Any:
        watchers.append(start_follower(folder, tracker))
        return watchers[-1]

    monkeypatch.setattr(pipeline.runs.tracking, "start_follower", start)
    return watchers


def train(folder: Path, store: Store, tracking: tuple[str, ...] = (), **training: Any) -> dict[str, Any]:
    options = {"model": MODEL, "training": TRAINING | training}
    chosen = parse({"experiments": {"x": options}}, "").experiments["x"]
    return train_experiment(folder, store, chosen, name="x", config_path="x", tracking=tracking)


def assert_the_same_run(one: Path, other: Path) -> None:
    """Also their reports, but for the time of training."""
    for name in (
        "model.safetensors",
        "model.json",
        "metrics.json",
        "split.csv",
        "predictions.parquet",
        "settings.json",
    ):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    assert timeless_report(one) == timeless_report(other)


def timeless_report(folder: Path) -> str:
    time = r"3 epochs in [\d,.]+ s, [\d,]+ clips/s, on cpu"
    page, count = re.subn(f"<td>training</td><td[^>]*>{time}</td>", "", (folder / "report.html").read_text())
    assert count == 1
    return page


def events(folder: Path) -> list[dict[str, Any]]:
    return [{key: value for key, value in event.items() if key != "time_s"} for event in read_events(folder / EVENTS)]


def test_a_run_leaves_its_events(untracked: Path, store: Store) -> None:
    first, *epochs, end = events(untracked)
    metrics = read_json(untracked / "metrics.json")
    expected = {"experiment": "x", "fold": None, "store": store.identity, "classes": ["a", "b"], "positive": "b"}
    assert first.items() >= (expected | {"corpus": store.manifest["corpus"], "init_from": None}).items()
    assert first["model"].items() >= MODEL.items()
    assert first["training"]["epochs"] == 3
    assert epochs == [{"event": "epoch", **row} for row in metrics["history"]]
    assert end["scores"] == {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    assert {"accuracy", "roc_auc", "threshold", "parameters", "test_clips"} <= end["scores"].keys()
    assert (end["status"], all((untracked / name).is_file() for name in end["files"])) == ("finished", True)
    assert not (untracked / "tracking").exists()


def test_all_trackers_leave_the_run_as_it_is(
    untracked: Path, store: Store, watched: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that are not installed here."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("CLEARML_OFFLINE_MODE", "1")
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)
    train(tmp_path / "runs" / "x", store, ("tensorboard", "mlflow", "clearml", "wandb"))
    assert len(watched) == 4
    for watcher in watched:
        watcher.join()
    assert_the_same_run(untracked, tmp_path / "runs" / "x")
    there = in_tensorboard(tmp_path / "runs" / "x")
    history = read_json(untracked / "metrics.json")["history"]
    for row in history:
        for name in row.keys() - {"epoch"}:
            assert [value for other, step, value in there if (other, step) == (name, row["epoch"])] == [
                pytest.approx(row[name], rel=1e-6)
            ]


class Server:
    """Address that accepts connections and never answers."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that never answers, and a library in the place of W&B that asks it."""
    (tmp_path / "fakes" / "wandb").mkdir(parents=True)
    (tmp_path / "fakes" / "wandb" / "__init__.py").write_text(FAKE)
    (tmp_path / "fakes" / "wandb" / "errors.py").write_text("class Error(Exception):\n    pass\n")
    monkeypatch.syspath_prepend(str(Path(pipeline.__file__).parents[1]))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'fakes'}:{Path(pipeline.__file__).parents[1]}")
    silent = Server()
    monkeypatch.setenv("OTOGURA_TEST_ADDRESS", silent.address)
    with silent.socket:
        yield silent


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings, but for that of the baseline."""
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [message for message in messages if "logistic regression" not in message]


@pytest.mark.parametrize("fault", ["black hole", "slow"])
def test_training_waits_for_no_answer(
    fault: str,
    untracked: Path,
    store: Store,
    watched: list[Any],
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OTOGURA_TEST_WANDB", fault)
    train(tmp_path / "run", store, ("wandb",))
    connection, _ = server.socket.accept()  # it asks, and waits; the run is at its end
    with connection:
        assert connection.recv(5) == b"hello"
        assert watched[0].is_alive()
        assert_the_same_run(untracked, tmp_path / "run")
        assert not warnings_of(caplog)
    watched[0].join()
    (warning,) = warnings_of(caplog)
    assert warning.startswith(f"warning: wandb is not told of the rest of {tmp_path / 'run'}: OSError: the server")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("dies", "signal 9 ended it"), ("raises", "space"), ("missing", "the package wandb is not inst")],
)
def test_a_tracker_that_fails_is_one_warning(
    fault: str,
    reason: str,
    untracked: Path,
    store: Store,
    watched: list[Any],
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OTOGURA_TEST_WANDB", fault)
    if fault == "missing":
        (tmp_path / "fakes" / "sitecustomize.py").write_text(HIDES_WANDB)
    train(tmp_path / "run", store, ("wandb",))
    watched[0].join()
    assert_the_same_run(untracked, tmp_path / "run")
    (warning,) = warnings_of(caplog)
    assert reason in warning
    assert "\n" not in warning
    assert warning.endswith("training goes on, and otogura track sends it later")


HIDES_WANDB = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "wandb" else found(name, *more)
"""


def test_a_tracker_that_does_not_answer_in_time_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTOGURA_TEST_WANDB", "black hole")
    run_of(tmp_path / "run", 1)
    command = [sys.executable, "-m", "pipeline.runs.follow", str(tmp_path / "run"), "--to", "wandb"]
    command += ["--parent", str(os.getpid()), "--limit-s", "0.5"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "the tracker has not answered in 0.5 s\n")


def test_a_tracker_that_cannot_be_started_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "tracking").write_text("a file in the place of a folder")
    assert start_follower(tmp_path, "tensorboard") is None
    (warning,) = warnings_of(caplog)
    assert warning.startswith(f"warning: tensorboard is not told of {tmp_path}: ")


def test_a_run_that_was_broken_off_goes_on_as_one(
    untracked: Path, store: Store, watched: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = RunEvents.write_epochs

    def broken_off(self: RunEvents, history: list[Any], network: Any) -> None:
        whole(self, history, network)
        if len(history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunEvents, "write_epochs", broken_off)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run", store, ("tensorboard",))
    watched[0].join()
    status = {"event": "end", "status": "interrupted", "reason": "KeyboardInterrupt"}
    assert events(tmp_path / "run")[3] == status
    train(tmp_path / "run", store, ("tensorboard",))
    watched[1].join()
    assert_the_same_run(untracked, tmp_path / "run")
    before, after = events(untracked), events(tmp_path / "run")
    assert after[0] | {"run": ""} == before[0] | {"run": ""}
    assert after[1:3] + after[5:] == before[1:]
    assert [event["event"] for event in after[3:5]] == ["end", "resume"]
    (path,) = (tmp_path / "run" / "tensorboard").iterdir()
    losses = [point for point in in_tensorboard(tmp_path / "run") if point[0] == "train_loss"]
    assert [point[1] for point in losses] == [0, 1, 2]
    assert b"finished" in path.read_bytes()
    cost = training_cost([tmp_path / "run"])
    assert cost is not None
    assert (cost.epochs, cost.devices) == (3, ("cpu",))


def test_weights_that_are_there_before_the_events_take_no_time(untracked: Path, store: Store, tmp_path: Path) -> None:
    shutil.copytree(untracked, tmp_path / "run")
    (tmp_path / "run" / EVENTS).unlink()
    train(tmp_path / "run", store)
    first, *epochs, end = events(tmp_path / "run")
    assert (first["device"], end["status"]) == ("cpu", "finished")
    assert [(event["epoch"], event["from_checkpoint"]) for event in epochs] == [(0, True), (1, True), (2, True)]
    assert training_cost([tmp_path / "run"]) is None
    assert "3 epochs in" in (untracked / "report.html").read_text()
    assert "3 epochs in" not in (tmp_path / "run" / "report.html").read_text()


def test_a_run_that_is_evaluated_again_keeps_its_report(untracked: Path, store: Store, tmp_path: Path) -> None:
    """With the time that its training took."""
    shutil.copytree(untracked, tmp_path / "run")
    train(tmp_path / "run", store)
    assert (tmp_path / "run" / "report.html").read_bytes() == (untracked / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (OutOfTime("max_time has come"), {"status": "interrupted", "reason": "max_time has come"}),
        (TrainingError("the loss is\nnot finite"), {"status": "failed", "reason": "the loss is not finite"}),
        (MemoryError(), {"status": "failed", "reason": "MemoryError"}),
        (SystemExit(143), {"status": "interrupted", "reason": "143"}),
    ],
)
def test_how_a_run_ends_is_recorded(
    error: BaseException, end: dict[str, str], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(pipeline.runs.single, "write_learned", broken)
    with pytest.raises(type(error)):
        train(tmp_path / "run", store)
    assert events(tmp_path / "run")[-1] == {"event": "end", **end}


def test_other_work_in_the_folder_is_another_run(store: Store, tmp_path: Path) -> None:
    train(tmp_path, store, epochs=1)
    (first, _, _) = events(tmp_path)
    train(tmp_path, store, epochs=1)  # the same, which is evaluated again
    assert [event["event"] for event in events(tmp_path)] == ["run", "epoch", "end"]
    train(tmp_path, store, epochs=1, seed=1)
    again, _, _ = events(tmp_path)
    assert again["run"] != first["run"]


def test_trackers_are_settings_of_the_whole_configuration() -> None:
    experiments = {"x": {}}
    assert parse({"experiments": experiments}, "").tracking == ()
    assert parse({"experiments": experiments, "tracking": ["mlflow"]}, "").tracking == ("mlflow",)
    for names, said in ((["comet"], "'tensorboard', 'mlflow', 'clearml' or 'wandb'"), (["wandb"] * 2, "once")):
        with pytest.raises(InputError, match=said):
            parse({"experiments": experiments, "tracking": names}, "mine.yaml")
