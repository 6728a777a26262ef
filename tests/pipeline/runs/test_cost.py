"""Seconds of training, from the times of events: of all parts of a run that was broken off, and of nothing else."""

import json
from pathlib import Path

import pytest
from tracked import SETTINGS, history

import pipeline.runs.events
from pipeline.runs.cost import training_cost
from pipeline.runs.events import EVENTS, EventWriter
from training.report.cost import TrainingCost


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time_s

    def pass_by(self, seconds: float) -> None:
        self.time_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pipeline.runs.events, "_now", clock)
    return clock


def begin(folder: Path, epochs: int = 0, device: str = "cpu") -> EventWriter:
    """Begin a part of a run, with epochs that its checkpoint has."""
    folder.mkdir(exist_ok=True)
    writer = EventWriter(folder, SETTINGS | {"device": device}, b"work")
    writer.write_epochs(history(epochs), from_checkpoint=True)
    return writer


def train(writer: EventWriter, clock: Clock, first: int, last: int, seconds: float = 10) -> None:
    """Train epochs, each for some seconds."""
    for epoch in range(first, last + 1):
        clock.pass_by(seconds)
        writer.write_epochs(history(epoch + 1))


def test_evaluation_does_not_count(tmp_path: Path, clock: Clock) -> None:
    writer = begin(tmp_path)
    train(writer, clock, 0, 2)
    clock.pass_by(1000)
    assert training_cost([tmp_path]) == TrainingCost(30, 3, ("cpu",))
    writer.write_end("finished")
    assert training_cost([tmp_path]) == TrainingCost(30, 3, ("cpu",))


def test_a_run_that_went_on_has_taken_the_time_of_all_its_parts(tmp_path: Path, clock: Clock) -> None:
    writer = begin(tmp_path)
    train(writer, clock, 0, 0)
    clock.pass_by(4)
    writer.write_end("interrupted", reason="max_time")  # within the second epoch
    clock.pass_by(5000)
    writer = begin(tmp_path, 1)
    clock.pass_by(3)
    writer.write_end("interrupted", reason="SIGTERM")  # within the same one
    clock.pass_by(5000)
    writer = begin(tmp_path, 1, "H100")
    train(writer, clock, 1, 2, seconds=2)
    assert training_cost([tmp_path]) == TrainingCost(10 + 4 + 3 + 4, 3, ("cpu", "H100"))


def test_a_part_that_was_killed_counts_up_to_its_last_epoch(tmp_path: Path, clock: Clock) -> None:
    train(begin(tmp_path), clock, 0, 1)
    clock.pass_by(7)
    clock.pass_by(5000)
    train(begin(tmp_path, 2), clock, 2, 2)
    assert training_cost([tmp_path]) == TrainingCost(30, 3, ("cpu",))


@pytest.mark.parametrize("status", ["interrupted", "finished", None])
def test_a_run_whose_evaluation_was_broken_off_or_repeated_trains_no_longer(
    tmp_path: Path, clock: Clock, status: str | None
) -> None:
    writer = begin(tmp_path)
    train(writer, clock, 0, 1)
    clock.pass_by(100)
    if status:
        writer.write_end(status)
    clock.pass_by(5000)
    writer = begin(tmp_path, 2, "H100")
    clock.pass_by(100)
    writer.write_end("finished", scores={})
    assert training_cost([tmp_path]) == TrainingCost(20, 2, ("cpu",))


def test_the_time_of_weights_that_were_there_before_is_not_known(tmp_path: Path, clock: Clock) -> None:
    begin(tmp_path, 3).write_end("finished")
    assert training_cost([tmp_path]) is None


def test_an_epoch_whose_event_was_lost_has_no_time(tmp_path: Path, clock: Clock) -> None:
    train(begin(tmp_path), clock, 0, 0)
    clock.pass_by(5000)
    train(begin(tmp_path, 2), clock, 2, 2)
    assert training_cost([tmp_path]) == TrainingCost(20, 2, ("cpu",))
    begin(tmp_path, 4)
    assert training_cost([tmp_path]) == TrainingCost(20, 2, ("cpu",))


def test_a_clock_that_is_set_back_takes_nothing_off(tmp_path: Path, clock: Clock) -> None:
    train(begin(tmp_path), clock, 0, 0)
    train(begin(tmp_path, 1), clock, 1, 1, seconds=-500)
    assert training_cost([tmp_path]) == TrainingCost(10, 2, ("cpu",))


def test_folds_are_added_up(tmp_path: Path, clock: Clock) -> None:
    folders = [tmp_path / "fold-1", tmp_path / "fold-2"]
    for folder in folders:
        train(begin(folder), clock, 0, 1)
    assert training_cost(folders) == TrainingCost(40, 4, ("cpu",))
    (folders[1] / EVENTS).unlink()
    assert training_cost(folders) is None


def test_damaged_events_give_no_time(tmp_path: Path, clock: Clock) -> None:
    train(begin(tmp_path), clock, 0, 1)
    with open(tmp_path / EVENTS, "ab") as file:
        file.write(b"\0\n")
    assert training_cost([tmp_path]) is None


def test_events_of_before_have_no_device(tmp_path: Path, clock: Clock) -> None:
    train(begin(tmp_path), clock, 0, 1)
    lines = [json.loads(line) for line in (tmp_path / EVENTS).read_text().splitlines()]
    del lines[0]["device"]
    (tmp_path / EVENTS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert training_cost([tmp_path]) == TrainingCost(20, 2, ())


def test_a_cost_is_a_line_of_text() -> None:
    assert TrainingCost(1234.56, 12, ("cpu", "H100")).text(500) == "12 epochs in 1,234.6 s, 5 clips/s, on cpu, H100"
    assert TrainingCost(0.0, 1, ("cpu",)).text(500) == "1 epoch in 0.0 s, on cpu"
    assert TrainingCost(2.0, 1, ()).text(5) == "1 epoch in 2.0 s, 2 clips/s"
