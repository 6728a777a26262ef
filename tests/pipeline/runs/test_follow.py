"""Replay of a run into a tracker, afterwards and while it trains."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tracked import SCORES, history, in_tensorboard, run_of
from waiting import wait_until

from pipeline.runs.events import EVENTS, read_events
from pipeline.runs.follow import replay, send
from pipeline.runs.trackers.base import RunDescription, Status
from pipeline.support.errors import InputError


class FakeTracker:
    """Tracker that notes what it is told, and keeps it from one replay to the next."""

    package: ClassVar[str] = "none"
    installation: ClassVar[str] = "none"
    calls: ClassVar[list[tuple[Any, ...]]] = []
    kept: ClassVar[dict[str, int]] = {}  # epochs by run

    def __init__(self, run: RunDescription, uri: str | None) -> None:
        self.calls.append(("open", run.name, uri))
        self._identity = run.identity
        self.epochs = self.kept.get(run.identity, 0)

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        return ()

    def log_epoch(self, epoch: int, values: dict[str, float], time_s: float) -> None:
        self.calls.append(("epoch", epoch, values))
        self.kept[self._identity] = epoch + 1

    def log_scores(self, scores: dict[str, float], epoch: int, time_s: float) -> None:
        self.calls.append(("scores", epoch, scores))

    def close(self, status: Status, time_s: float) -> None:
        self.calls.append(("close", status))


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeTracker, "calls", [])
    monkeypatch.setattr(FakeTracker, "kept", {})


def test_a_tracker_is_told_of_epochs_that_it_lacks(tmp_path: Path) -> None:
    writer = run_of(tmp_path, 2, fold=3)
    assert send(read_events(tmp_path / EVENTS), FakeTracker, tmp_path, "here") == 2
    first = {"learning_rate": 0.5, "train_loss": 1.0, "validation_loss": 2.0}
    assert FakeTracker.calls == [
        ("open", "genre/fold-3", "here"),
        ("epoch", 0, first),
        ("epoch", 1, first | {"train_loss": 0.5, "validation_loss": 1.0}),
        ("close", "running"),
    ]
    FakeTracker.calls.clear()
    writer.write_epochs([{"epoch": 2, "train_loss": float("nan"), "learning_rate": 0.25}])
    writer.write_end("finished", scores=SCORES | {"loss": float("nan")})
    assert send(read_events(tmp_path / EVENTS), FakeTracker, tmp_path, None) == 3
    assert FakeTracker.calls[1:] == [
        ("epoch", 2, {"learning_rate": 0.25}),
        ("scores", 2, {"result/accuracy": 0.75, "result/test_clips": 8.0}),
        ("close", "finished"),
    ]


def test_epochs_of_a_checkpoint_have_the_same_values(tmp_path: Path) -> None:
    run_of(tmp_path, 0).write_epochs(history(1), from_checkpoint=True)
    send(read_events(tmp_path / EVENTS), FakeTracker, tmp_path, "here")
    assert FakeTracker.calls[1] == ("epoch", 0, {"learning_rate": 0.5, "train_loss": 1.0, "validation_loss": 2.0})


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_the_last_end_counts(tmp_path: Path, status: str) -> None:
    run_of(tmp_path, 2).write_end(status, reason="it had to be")
    send(read_events(tmp_path / EVENTS), FakeTracker, tmp_path, None)
    assert FakeTracker.calls[-1] == ("close", status)
    run_of(tmp_path, 2)  # which goes on
    send(read_events(tmp_path / EVENTS), FakeTracker, tmp_path, None)
    assert FakeTracker.calls[-1] == ("close", "running")


def test_what_cannot_be_replayed_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected the folder of a run, with events.jsonl, found none"):
        replay(tmp_path, "tensorboard")
    for text in ("", '{"event": "run", "version": 2}\n', '{"event": "epoch"}\n'):
        (tmp_path / EVENTS).write_text(text)
        with pytest.raises(InputError, match=r"events.jsonl: expected events of version 1"):
            replay(tmp_path, "tensorboard")
    (tmp_path / EVENTS).unlink()
    run_of(tmp_path, 1)
    (tmp_path / "tensorboard").write_text("a file in the place of a folder")
    with pytest.raises(InputError, match=r"^tensorboard: .*tensorboard"):
        replay(tmp_path, "tensorboard")


def test_tensorboard_may_write_elsewhere(tmp_path: Path) -> None:
    run_of(tmp_path / "run", 2, fold=1)
    replay(tmp_path / "run", "tensorboard", str(tmp_path / "logs"))
    assert [path.parent for path in tmp_path.rglob("*tfevents*")] == [tmp_path / "logs" / "genre" / "fold-1"]
    assert not (tmp_path / "run" / "tensorboard").exists()


def following(run: Path, name: str = "tensorboard", *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pipeline.runs.follow", str(run), "--to", name, "--parent", str(os.getpid())]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_a_run_is_followed_until_it_ends(tmp_path: Path) -> None:
    run_of(tmp_path, 1).write_end("interrupted")
    writer = run_of(tmp_path, 1)  # it goes on, so that the end above is none
    with following(tmp_path) as process:
        wait_until(lambda: (tmp_path / "tensorboard").is_dir() and in_tensorboard(tmp_path), process)
        writer.write_epochs([{"epoch": 1, "train_loss": 0.5}])
        wait_until(lambda: ("train_loss", 1, 0.5) in in_tensorboard(tmp_path), process)
        writer.write_end("finished", scores={"accuracy": 0.75})
        assert process.wait() == 0
    assert ("result/accuracy", 1, 0.75) in in_tensorboard(tmp_path)


def test_it_ends_with_the_process_that_trains(tmp_path: Path) -> None:
    """Kill -9 and a lack of memory leave no last event."""
    code = f"""
import sys
from pathlib import Path
from pipeline.runs.tracking import start_follower
start_follower(Path({str(tmp_path)!r}), "tensorboard")
print(flush=True)
sys.stdin.read()
"""
    run_of(tmp_path, 2)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as trains:
        wait_until(lambda: (tmp_path / "tensorboard").is_dir() and in_tensorboard(tmp_path), trains)
        trains.send_signal(signal.SIGKILL)
        trains.wait()
        (path,) = (tmp_path / "tensorboard").iterdir()
        wait_until(lambda: b"interrupted" in path.read_bytes(), trains, ended=True)
    assert (tmp_path / "tracking" / "tensorboard.log").read_text() == ""
