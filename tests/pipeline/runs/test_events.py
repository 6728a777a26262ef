"""The file of a run's events: one run however often it was broken off, and nothing of a line that was torn."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tracked import SETTINGS, history, run_of

from pipeline.runs.events import EVENTS, EventWriter, read_events
from pipeline.support.errors import InputError


def kinds(folder: Path) -> list[str]:
    """Return the events in short: an epoch is its number."""
    return [str(event.get("epoch", event["event"])) for event in read_events(folder / EVENTS)]


def test_a_run_is_described_once_and_has_each_epoch_and_an_end(tmp_path: Path) -> None:
    writer = run_of(tmp_path, 1)
    writer.write_epochs(history(2))
    writer.write_epochs(history(2))
    writer.write_end("finished", scores={"accuracy": 0.5}, files=["report.html"])
    first, *epochs, end = read_events(tmp_path / EVENTS)
    assert first.items() >= {"event": "run", "version": 1, **SETTINGS}.items()
    timeless = [{key: value for key, value in event.items() if key != "time_s"} for event in epochs]
    assert timeless == [{"event": "epoch", **row} for row in history(2)]
    assert end.items() >= {"event": "end", "status": "finished", "scores": {"accuracy": 0.5}}.items()
    times = [event["time_s"] for event in (first, *epochs, end)]
    assert times == sorted(times)


def test_a_run_that_goes_on_stays_the_same(tmp_path: Path) -> None:
    run_of(tmp_path, 2).write_end("interrupted", reason="KeyboardInterrupt")
    run_of(tmp_path, 3)  # begins with the checkpoint of two epochs, and has three in the end
    assert kinds(tmp_path) == ["run", "0", "1", "end", "resume", "2"]
    run_of(tmp_path, 1)  # the last checkpoint was damaged: the second epoch is trained once more
    run_of(tmp_path, 3)
    assert kinds(tmp_path) == ["run", "0", "1", "end", "resume", "2", "resume", "resume"]


def test_a_finished_run_that_is_evaluated_again_adds_what_has_changed(tmp_path: Path) -> None:
    run_of(tmp_path, 2).write_end("finished", scores={"accuracy": 0.1 + 0.2, "loss": float("nan")})
    before = (tmp_path / EVENTS).read_bytes()
    run_of(tmp_path, 2).write_end("finished", scores={"accuracy": 0.1 + 0.2, "loss": float("nan")})
    assert (tmp_path / EVENTS).read_bytes() == before
    run_of(tmp_path, 2).write_end("finished", scores={"accuracy": 0.4})
    assert kinds(tmp_path) == ["run", "0", "1", "end", "resume", "end"]


def test_other_work_begins_anew(tmp_path: Path) -> None:
    run_of(tmp_path, 2)
    (before,) = [event["run"] for event in read_events(tmp_path / EVENTS) if event["event"] == "run"]
    EventWriter(tmp_path, SETTINGS, b"other work")
    (event,) = read_events(tmp_path / EVENTS)
    assert event["run"] != before


@pytest.mark.parametrize("cut", [1, 7, 40])
@pytest.mark.parametrize("left", [b"", b"\0" * 50, b"\0" * 50 + b"\n"])
def test_what_a_power_cut_leaves_of_a_line_is_cut_off(tmp_path: Path, cut: int, left: bytes) -> None:
    run_of(tmp_path, 3)
    path = tmp_path / EVENTS
    path.write_bytes(path.read_bytes()[:-cut] + left)
    run_of(tmp_path, 3)
    assert kinds(tmp_path) == ["run", "0", "1", "resume", "2"]


def test_a_file_that_is_torn_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_bytes(b'{"event": "run", "vers')
    run_of(tmp_path, 1)
    assert kinds(tmp_path) == ["run", "0"]


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    run_of(tmp_path, 0).write_epochs([{"epoch": 0, "validation_loss": math.nan, "train_loss": math.inf}])
    event = list(read_events(tmp_path / EVENTS))[-1]
    assert (event["validation_loss"], event["train_loss"]) == (None, None)
    assert "NaN" not in (tmp_path / EVENTS).read_text()


def test_writing_draws_no_random_number(tmp_path: Path) -> None:
    def states() -> list[Any]:
        return [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002

    before = states()
    run_of(tmp_path, 2).write_end("finished")
    assert states() == before


def test_a_reader_waits_for_the_rest_of_a_line(tmp_path: Path) -> None:
    run_of(tmp_path, 1)
    path = tmp_path / EVENTS
    line = json.dumps({"event": "epoch", "epoch": 1, "word": "ü"}, ensure_ascii=False).encode() + b"\n"
    parts = iter([line[:20], line[20:-2], line[-2:]])

    def more() -> bool:
        part = next(parts, None)
        if part is not None:
            with open(path, "ab") as file:
                file.write(part)
        return part is not None

    assert [event.get("word") for event in read_events(path, more)] == [None, None, "ü"]


@pytest.mark.parametrize("line", [b"no JSON\n", b"[1]\n", b'{"epoch": 1}\n', b"\xff\n"])
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: bytes) -> None:
    run_of(tmp_path, 1)
    with open(tmp_path / EVENTS, "ab") as file:
        file.write(line)
    with pytest.raises(InputError, match=r"events.jsonl, line 3: expected an event as JSON, got b"):
        list(read_events(tmp_path / EVENTS))
