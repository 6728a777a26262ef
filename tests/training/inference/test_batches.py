"""Answers for many recordings: their order, their batches, their faults, and threads that end."""

import threading
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from features.tensors.base import Tensor
from training.evaluation.decision import Decision
from training.inference.answers import Judge, Prediction
from training.inference.batches import WAITING, answer_all, computed_ahead
from training.inference.windows import Window


class Model:
    """Model of two classes whose logits are the value of a window and 0; `sizes` are those of its batches."""

    def __init__(self, batch: int = 4) -> None:
        self.batch = batch
        self.judge = Judge(("a", "b"), Decision(), "v")
        self.sizes: list[int] = []

    def logits(self, tensors: list[Tensor]) -> np.ndarray:
        self.sizes.append(len(tensors))
        return np.array([[tensor.values[0], 0.0] for tensor in tensors], np.float32)


def window(value: float, place: int = 0) -> Window:
    return Window(place, place + 1.0, 1.0, Tensor(np.array([value]), np.zeros((1, 2))))


def windows(*values: float) -> Iterator[Window]:
    yield from (window(value, place) for place, value in enumerate(values))


def failing(error: Exception, *values: float) -> Iterator[Window]:
    yield from windows(*values)
    raise error


def answers(model: Model, recordings: Any) -> list[tuple[str, Any]]:
    return list(answer_all(model, recordings))  # type: ignore[arg-type]  # in the place of a model


@pytest.mark.parametrize("ahead", [False, True])
def test_recordings_share_batches_and_keep_their_order(ahead: bool) -> None:
    counts = {"one": 1, "six": 6, "two": 2, "none": 0, "five": 5}
    model = Model()
    if ahead:
        made = [(name, lambda count=count: windows(*[float(count)] * count)) for name, count in counts.items() if count]
        recordings: Any = computed_ahead(made, 3)
    else:
        recordings = ((name, windows(*[float(count)] * count)) for name, count in counts.items() if count)
    found = answers(model, recordings)
    assert [name for name, _ in found] == ["one", "six", "two", "five"]
    assert model.sizes == [4, 4, 4, 2]
    for name, answer in found:
        assert isinstance(answer, Prediction)
        assert len(answer.segments) == counts[name]
        assert answer.probabilities["a"] == pytest.approx(1 / (1 + np.exp(-counts[name])), abs=1e-6)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_fault_is_the_answer_for_its_recording_alone(ahead: bool) -> None:
    made = [
        ("bad", lambda: failing(ValueError("no sound"), 1.0, 2.0)),
        ("good", lambda: windows(1.0, 2.0, 3.0)),
        ("gone", lambda: failing(FileNotFoundError("x"))),
    ]
    recordings: Any = computed_ahead(made, 2) if ahead else ((name, make()) for name, make in made)
    found = dict(answers(Model(), recordings))
    assert list(found) == ["bad", "good", "gone"]
    assert (str(found["bad"]), str(found["gone"])) == ("no sound", "x")
    assert len(found["good"].segments) == 3


def test_a_mistake_of_ours_is_raised() -> None:
    with (
        closing(computed_ahead([("x", lambda: failing(RuntimeError("ours"), 1.0))], 1)) as ahead,
        pytest.raises(RuntimeError, match="ours"),
    ):
        answers(Model(), ahead)


def test_threads_compute_a_few_windows_ahead_and_end_when_nobody_takes_them() -> None:
    made, lock, before = SimpleNamespace(count=0), threading.Lock(), set(threading.enumerate())

    def endless() -> Iterator[Window]:
        while True:
            with lock:
                made.count += 1
            yield window(1.0)

    ahead = computed_ahead([(str(number), endless) for number in range(9)], 2)
    _, first = next(ahead)
    for _ in range(10):
        next(first)
    ahead.close()
    assert set(threading.enumerate()) <= before
    assert 10 <= made.count <= 10 + 2 * (WAITING + 1)  # of two threads, each with one that waits for room
