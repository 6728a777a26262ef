"""Lanes answer many requests together as they would one after the other, and short ones before long ones."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
from service import BOUNDARY, PATIENCE_S, form, written

from pipeline.serve.bodies import BodyReader, BodyRecording
from pipeline.serve.jobs import Job, Options
from pipeline.serve.lanes import Lanes
from pipeline.serve.models import ServedModel
from pipeline.serve.refusals import Refusal
from pipeline.serve.settings import ServiceSettings
from pipeline.serve.supervisor import Observers, Supervisor
from training.inference.model import TrainedModel
from training.inference.windows import Window

KIND = f"multipart/form-data; boundary={BOUNDARY}"


class Harness:
    """Lanes over some models; `finished` holds the requests as they are answered, `read` those whose body was read."""

    def __init__(self, models: Path, count: int) -> None:
        self.models = {name: TrainedModel(models / name, device="cpu") for name in ("first", "second")}
        self.finished: Queue[tuple[Job, Refusal | None]] = Queue()
        self.batches: list[int] = []
        self.read: list[int] = []
        self.begun = self.most_begun = 0
        self.lanes = Lanes(
            count,
            {name: ServedModel(name, model) for name, model in self.models.items()},
            read=self._read,
            finish=lambda job, refusal: self.finished.put((job, refusal)),
            on_batch=self.batches.append,
        )

    def _read(self, job: Job) -> None:
        """Read a body, and count the recordings that are begun and not ended."""
        self.read.append(job.number)
        model = self.models[job.options.model]
        recordings, _ = BodyReader(model, job.options.hop_s, job.guard, job.folder).recordings(
            job.body, job.content_type
        )
        job.hear([BodyRecording(each.name, partial(self._counted, each)) for each in recordings], model)

    def _counted(self, recording: BodyRecording) -> Iterator[Window]:
        self.begun += 1
        self.most_begun = max(self.most_begun, self.begun)
        yield from recording.windows()
        self.begun -= 1

    def next(self) -> tuple[int, Any]:
        """Return number and answer of the request that is finished next."""
        job, refusal = self.finished.get(timeout=PATIENCE_S)
        assert refusal is None
        return job.number, json.loads(job.answer())


def tone(seconds: float, seed: int) -> bytes:
    return written(np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * 22050)), 22050)


def job_of(number: int, body: bytes, folder: Path, *, content_type: str = "", **options: Any) -> Job:
    return Job(number, Options(**{"model": "first"} | options), body, folder, content_type, 3600.0)


@pytest.mark.parametrize("count", [1, 3])
def test_many_requests_over_two_models_get_their_own_answers(models: Path, tmp_path: Path, count: int) -> None:
    harness = Harness(models, count)
    sounds = [tone(seconds, seed) for seed, seconds in enumerate([3, 0.2, 0.6, 1.5, 4, 0.3, 2, 0.1] * 2)]
    names = ["first", "second", "second"] * 6
    jobs = [
        job_of(number, sound, tmp_path, model=name, hop_s=0.2)
        for number, (sound, name) in enumerate(zip(sounds, names, strict=False))
    ]
    harness.lanes.add([(job, None) for job in jobs])
    harness.lanes.start()
    answers = dict(harness.next() for _ in jobs)
    assert max(harness.batches) > 1
    for job in jobs:
        alone = BodyReader(harness.models[job.options.model], 0.2, job.guard, tmp_path)
        ((recording,), _) = alone.recordings(job.body, "")
        expected = harness.models[job.options.model].answer(recording.windows()).described()
        answer = answers[job.number]
        assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
        assert len(answer["segments"]) == len(expected["segments"])
        for segment, other in zip(answer["segments"], expected["segments"], strict=True):
            assert (segment["start_s"], segment["end_s"]) == (other["start_s"], other["end_s"])
            assert segment["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_a_batch_of_a_hundred_files_is_answered_in_their_order(models: Path, tmp_path: Path) -> None:
    harness = Harness(models, 2)
    files = [(f"{number}.wav", tone(0.05 + 0.9 * (number % 2), number)) for number in range(100)]
    files[41] = ("41.wav", b"no sound")
    harness.lanes.start()
    harness.lanes.add([(job_of(0, form(*files), tmp_path, content_type=KIND, batch=True), None)])
    _, answers = harness.next()
    assert [answer["file"] for answer in answers] == [name for name, _ in files]
    assert [number for number, answer in enumerate(answers) if "error" in answer] == [41]
    for number in (0, 40, 42, 99):
        path = tmp_path / "x.wav"
        path.write_bytes(files[number][1])
        expected = harness.models["first"].predict(path).probabilities
        assert answers[number]["probabilities"] == pytest.approx(expected, abs=1e-5)


def test_few_of_many_files_are_open_at_a_time(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.serve.lanes.MOST_BEGUN", 5)
    harness = Harness(models, 1)
    body = form(*((f"{number}.wav", tone(6, number)) for number in range(30)))
    jobs = [job_of(number, body, tmp_path, content_type=KIND, batch=True) for number in range(3)]
    jobs[1].cancelled.set()
    harness.lanes.add([(job, None) for job in jobs])
    harness.lanes.start()
    assert harness.finished.get(timeout=PATIENCE_S)[0] is jobs[1]
    answers = [harness.next()[1] for _ in (0, 2)]
    assert [len(answer) for answer in answers] == [30, 30]
    assert harness.most_begun == 6  # with the one that each request may begin
    short = job_of(3, tone(0.2, 0), tmp_path)
    harness.lanes.add([(short, None)])
    assert harness.next()[0] == 3


def test_short_recordings_do_not_wait_for_a_long_one(models: Path, tmp_path: Path) -> None:
    harness = Harness(models, 1)
    jobs = [job_of(0, tone(60, 0), tmp_path), *(job_of(number, tone(0.2, number), tmp_path) for number in range(1, 40))]
    harness.lanes.add([(job, None) for job in jobs])
    harness.lanes.start()
    assert [harness.next()[0] for _ in jobs] == [*range(1, 40), 0]


def test_a_request_that_is_given_up_before_its_turn_is_not_read(models: Path, tmp_path: Path) -> None:
    harness = Harness(models, 1)
    jobs = [job_of(0, b"", tmp_path), job_of(1, tone(0.2, 0), tmp_path)]
    jobs[0].cancelled.set()
    harness.lanes.add([(job, None) for job in jobs])
    harness.lanes.start()
    assert [harness.finished.get(timeout=PATIENCE_S)[0].number for _ in jobs] == [0, 1]
    assert harness.read == [1]


# A process of the models in which some requests meet an error that nobody expects.
FAULTY = """
import sys
from pipeline.serve.jobs import Job
from pipeline.serve.worker import main

answer = Job.answer
def faulty(job):
    if job.options.top_k == 13:
        raise ZeroDivisionError
    return answer(job)
Job.answer = faulty
main(sys.argv[1:])
"""


def test_an_unexpected_error_ends_the_process_and_the_service_goes_on(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    (tmp_path / "faulty.py").write_text(FAULTY)
    restarts: list[int] = []
    reasons: list[str] = []
    observers = Observers(lambda windows: None, lambda: restarts.append(1))
    limits = ServiceSettings({"first": models / "first"}, deadline_s=60.0)
    supervisor = Supervisor(limits, observers, (sys.executable, str(tmp_path / "faulty.py")))

    async def answer(top_k: int) -> bytes | HTTPStatus:
        options = {"model": "first", "top_k": top_k}
        message = {"file": None, "folder": str(tmp_path / "none"), "content_type": "", "options": options}
        try:
            return await supervisor.answer(message, tone(0.2, 0))
        except Refusal as refusal:
            reasons.append(refusal.reason)
            return refusal.status

    async def act() -> None:
        running = asyncio.create_task(supervisor.run())
        assert await answer(13) == HTTPStatus.SERVICE_UNAVAILABLE
        assert json.loads(await answer(1))  # type: ignore[arg-type]  # an answer
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(act())
    assert restarts == [1]
    assert reasons == ["the process of the models has ended while it answered this request"]
