"""Requests that end or hang the process of the models are refused; those beside them are answered by the next one."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from pipeline.serve.refusals import Refusal
from pipeline.serve.settings import ServiceSettings
from pipeline.serve.supervisor import Observers, StartError, Supervisor

# A process that does what requests say instead of hearing a sound.
SCRIPT = """
import json, os, signal, socket, sys
from pipeline.serve.frames import frames, packed

connection = socket.socket(fileno=json.loads(sys.argv[1])["socket"])
{first}
connection.sendall(packed({{"ready": [{{"name": "x"}}]}}))
held = []
for message, _ in frames(connection.makefile("rb")):
    if "job" in message:
        held.append(message)
    if message.get("does") == "end":
        os._exit(1)
    if message.get("does") == "hang":
        signal.pause()
    if message.get("does") == "answer":
        for one in held:
            connection.sendall(packed({{"done": one["job"]}}, b"answer"))
        held = []
"""


class Restarts:
    count = 0

    def __call__(self) -> None:
        self.count += 1


def supervisor_of(script: Path, first: str, restarts: Restarts, **settings: float) -> Supervisor:
    """Return a supervisor of that process."""
    script.write_text(SCRIPT.format(first=first))
    limits = ServiceSettings(models={}, **settings)  # type: ignore[arg-type]  # all are times
    return Supervisor(limits, Observers(lambda windows: None, restarts), (sys.executable, str(script)))


async def supervised(script: Path, act: Callable[[Supervisor], Awaitable[None]], **settings: float) -> int:
    """Return the number of restarts while `act` had a supervisor of that process."""
    restarts = Restarts()
    supervisor = supervisor_of(script, "", restarts, **settings)
    running = asyncio.create_task(supervisor.run())
    try:
        await act(supervisor)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return restarts.count


async def answer(supervisor: Supervisor, does: str, release: Callable[[], None] = lambda: None) -> bytes | HTTPStatus:
    try:
        return await supervisor.answer({"does": does}, release=release)
    except Refusal as refusal:
        return refusal.status


@pytest.fixture(autouse=True)
def _from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


def test_the_one_that_ends_the_process_is_refused_and_the_others_are_answered(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor) -> None:
        kinds = ["wait", "end", "answer"]
        answers = await asyncio.gather(*(answer(supervisor, kind) for kind in kinds))
        assert answers == [HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE, b"answer"]

    assert asyncio.run(supervised(tmp_path / "script.py", act, deadline_s=4.0, grace_s=0.1)) == 2


def test_a_request_beside_one_that_hangs_is_answered(tmp_path: Path) -> None:
    async def act(supervisor: Supervisor) -> None:
        assert await answer(supervisor, "hang") == HTTPStatus.GATEWAY_TIMEOUT
        assert await answer(supervisor, "answer") == b"answer"

    assert asyncio.run(supervised(tmp_path / "script.py", act, deadline_s=3.0, grace_s=0.1)) == 1


@pytest.mark.parametrize("does", ["wait", "hang"])
def test_what_was_given_up_is_released_once_the_process_lets_go_of_it(tmp_path: Path, does: str) -> None:
    released: list[str] = []

    async def act(supervisor: Supervisor) -> None:
        assert await answer(supervisor, does, lambda: released.append(does)) == HTTPStatus.GATEWAY_TIMEOUT
        assert not released
        assert await answer(supervisor, "answer", lambda: released.append("answer")) == b"answer"
        assert released == [does]

    grace_s = 60.0 if does == "wait" else 0.1
    restarts = asyncio.run(supervised(tmp_path / "script.py", act, deadline_s=3.0, grace_s=grace_s))
    assert restarts == (0 if does == "wait" else 1)


def test_a_process_that_cannot_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, failures = asyncio.create_subprocess_exec, [OSError(24, "Too many open files")]

    async def act(supervisor: Supervisor) -> None:
        assert await answer(supervisor, "answer") == b"answer"

        async def start_or_fail(*words: Any, **options: Any) -> asyncio.subprocess.Process:
            if failures:
                raise failures.pop()
            return await start(*words, **options)

        monkeypatch.setattr(asyncio, "create_subprocess_exec", start_or_fail)
        assert await answer(supervisor, "end") == HTTPStatus.SERVICE_UNAVAILABLE
        assert await answer(supervisor, "answer") == b"answer"

    assert asyncio.run(supervised(tmp_path / "script.py", act, deadline_s=30.0)) == 2
    assert not failures


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("connection.sendall(packed({'failed': 'no such model'})); sys.exit()", "no such model"),
        ("sys.exit(1)", "the process of the models has ended before they were loaded"),
    ],
)
def test_models_that_cannot_be_loaded_end_it(tmp_path: Path, first: str, reason: str) -> None:
    supervisor = supervisor_of(tmp_path / "script.py", first, Restarts())
    with pytest.raises(StartError, match=reason):
        asyncio.run(supervisor.run())
