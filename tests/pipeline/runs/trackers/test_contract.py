"""Every tracker has each point of a run once, however often and at whatever epoch the run is sent."""

import os
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from tracked import READERS, SCORES, Points, points, run_of
from waiting import wait_until

import pipeline.runs.trackers
from pipeline.runs.trackers import TRACKERS, tracker_of
from pipeline.runs.trackers.base import Tracker
from pipeline.support.errors import InputError

SERVER = os.environ.get("OTOGURA_MLFLOW", "")
URIS = {"clearml": "offline", "wandb": "offline"}


def kind_or_skip(name: str) -> type[Tracker]:
    try:
        return tracker_of(name)
    except InputError as missing:
        pytest.skip(f"an extra: {missing}")


def sent(name: str, run: Path, uri: str | None = None) -> None:
    """Send a run by the command, in a process of its own: ClearML and W&B change the one that they are in."""
    options = ["--uri", uri] if uri is not None else []
    command = [sys.executable, "-m", "pipeline.commands.main", "track", str(run), "--to", name, *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith(f"epochs are in {name}\n")


def test_each_file_is_a_tracker() -> None:
    folder = Path(pipeline.runs.trackers.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__", "base"} == set(TRACKERS) == set(READERS)


@pytest.mark.parametrize("name", TRACKERS)
def test_each_point_is_there_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind_or_skip(name)
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_MODE", "CLEARML_OFFLINE_MODE"):
        monkeypatch.delenv(variable, raising=False)
    has_each_point_once(name, tmp_path / "runs" / "genre", URIS.get(name))


def has_each_point_once(name: str, run: Path, uri: str | None) -> None:
    """Send a run in the middle, after it has gone on to its end, and once more."""
    run_of(run, 3)
    sent(name, run, uri)
    assert_close(READERS[name](run), points(3))
    run_of(run, 5).write_end("finished", scores=SCORES)
    for _ in range(2):
        sent(name, run, uri)
        there = READERS[name](run)
        results = [(point[0], point[2]) for point in there if point[0].startswith("result/")]
        assert results == [(f"result/{score}", value) for score, value in SCORES.items()]
        assert_close([point for point in there if not point[0].startswith("result/")], points(5))


def assert_close(some: Points, others: Points) -> None:
    """Compare points, to float32's rounding."""
    assert [point[:2] for point in some] == [point[:2] for point in others]
    assert [point[2] for point in some] == pytest.approx([point[2] for point in others], rel=1e-6)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_package_is_imported_only_when_it_is_needed(name: str) -> None:
    modules = f"pipeline.runs.follow, pipeline.runs.tracking, pipeline.runs.trackers.{name}"
    code = f"import sys, {modules}; print(pipeline.runs.trackers.{name}.TRACKER.package in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_what_follows_a_run_is_small() -> None:
    code = "import sys, pipeline.runs.follow; print({'torch', 'numba', 'matplotlib'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_unknown_and_missing_trackers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="comet: expected one of the trackers tensorboard, mlflow, clearml, wandb"):
        tracker_of("comet")
    monkeypatch.setattr(pipeline.runs.trackers, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"wandb: the package wandb is not installed; .* 'otogura\[wandb\]'"):
        tracker_of("wandb")


@pytest.mark.skipif(not SERVER, reason="OTOGURA_MLFLOW names no `mlflow` command with a server, which no extra has")
def test_mlflow_has_each_point_on_its_server_as_well(tmp_path: Path) -> None:
    kind_or_skip("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = ("127.0.0.1", free.getsockname()[1])
    runs = tmp_path / "runs"
    runs.mkdir()
    options = ["--host", address[0], "--port", str(address[1]), "--backend-store-uri", f"sqlite:///{runs}/mlflow.db"]
    command = [SERVER, "server", "--workers", "1", *options]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with open(tmp_path / "server.log", "wb") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: answers(address), server)
        has_each_point_once("mlflow", runs / "genre", f"http://{address[0]}:{address[1]}")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answers(address: tuple[str, int]) -> bool:
    connection = HTTPConnection(*address)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
