"""Supervision of the process of the models: requests to it, deadlines, and another process where it ends or hangs."""

import asyncio
import json
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Any

from pipeline.serve.frames import packed, read_frame
from pipeline.serve.refusals import Refusal
from pipeline.serve.settings import ServiceSettings

WORKER = (sys.executable, "-m", "pipeline.serve.worker")
LONGEST_PAUSE_S = 30.0  # between two starts of a process that does not get as far as to be ready

log = logging.getLogger("otogura.serve")


class StartError(Exception):
    """Models that cannot be loaded; the text says why."""


@dataclass
class Request:
    """Request to the process of the models.

    Attributes
    ----------
    message : dict
        As the process takes it.
    payload : bytes
        Goes with the message.
    release : callable
        Called where the process lets go of a request that was given up before.
    answer : Future
        Of the JSON, or a `Refusal`.
    sent : bool
        True while the process has it.
    suspect : bool
        True after a process has ended that worked on it beside others. It is sent again, no other suspect beside it.
    """

    message: dict[str, Any]
    payload: bytes
    release: Callable[[], None]
    answer: "asyncio.Future[bytes]"
    sent: bool = False
    suspect: bool = False


@dataclass
class Observers:
    """Functions that are told what happens: a batch of so many windows, a restart."""

    batch: Callable[[int], None]
    restart: Callable[[], None]


@dataclass
class Supervisor:
    """Supervisor of one process, whose methods run in the event loop.

    Attributes
    ----------
    settings : ServiceSettings
    observers : Observers
    command : sequence of str
        Starts the process; its settings in JSON are added.
    models : list of dict
        As /models answers them; empty until the process has loaded them for the first time.
    ready : bool
        True while a process is there that has loaded the models.
    """

    settings: ServiceSettings
    observers: Observers
    command: Sequence[str] = WORKER
    models: list[dict[str, Any]] = field(default_factory=list)
    ready: bool = False
    _numbers: "count[int]" = field(default_factory=count)
    _requests: dict[int, Request] = field(default_factory=dict)
    _writer: asyncio.StreamWriter | None = None
    _process: asyncio.subprocess.Process | None = None

    async def answer(
        self, message: dict[str, Any], payload: bytes = b"", release: Callable[[], None] = lambda: None
    ) -> bytes:
        """Return the answer to a request as JSON.

        Raises `Refusal` where there is none, also after the deadline. Cancelling it cancels the work; the process may
        still make files for it, until `release` is called.
        """
        number = next(self._numbers)
        request = Request({"job": number} | message, payload, release, asyncio.get_running_loop().create_future())
        self._requests[number] = request
        self._send_waiting()
        try:
            async with asyncio.timeout(self.settings.deadline_s):
                return await request.answer
        except TimeoutError:
            reason = f"no answer within {self.settings.deadline_s:g} s"
            raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, reason) from None
        finally:
            self._let_go(number, request)

    async def run(self) -> None:
        """Keep a process running until this is cancelled. Raises `StartError` if the first cannot load the models."""
        pause_s = 0.0
        while True:
            try:
                await self._one_process()
            except OSError as error:  # too many open files or processes
                log.warning("no process of the models can be started: %s", error)
            finally:
                was_ready, self.ready = self.ready, False
                await self._stop()
            if not self.models:
                raise StartError("the process of the models has ended before they were loaded")
            self.observers.restart()
            self._judge_unanswered()
            pause_s = 0.0 if was_ready else min(2 * pause_s + 1, LONGEST_PAUSE_S)
            log.warning("the process of the models has ended; another one starts")
            await asyncio.sleep(pause_s)

    async def _one_process(self) -> None:
        """Start a process and take its messages until it ends."""
        ours, theirs = socket.socketpair()
        with theirs:
            given = self.settings.for_worker() | {"socket": theirs.fileno()}
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self.command,
                    json.dumps(given),
                    pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                )
            except OSError:
                ours.close()
                raise
        reader, self._writer = await asyncio.open_connection(sock=ours)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self._take(*await read_frame(reader))

    async def _stop(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()  # one that is stopped or hangs would not end otherwise
            await self._process.wait()
            self._process = None

    def _take(self, message: dict[str, Any], payload: bytes) -> None:
        if "batch" in message:
            self.observers.batch(message["batch"])
        elif "done" in message:
            self._answered(message, payload)
        elif "ready" in message:
            self.models, self.ready = message["ready"], True
            self._send_waiting()
        elif "failed" in message and not self.models:
            raise StartError(message["failed"])

    def _answered(self, message: dict[str, Any], payload: bytes) -> None:
        request = self._requests.pop(message["done"], None)
        if request is not None and request.answer.done():
            request.release()
        elif request is not None:
            if "error" in message:
                request.answer.set_exception(Refusal(HTTPStatus(message["status"]), message["error"]))
            else:
                request.answer.set_result(payload)
        self._send_waiting()

    def _send_waiting(self) -> None:
        """Send what waits: all of it, or after an end that nobody is blamed for yet, one suspect after the other."""
        if not self.ready:
            return
        suspects = [request for request in self._requests.values() if request.suspect]
        if any(request.sent for request in suspects):
            return
        for request in suspects[:1] or self._requests.values():
            if not request.sent:
                request.sent = True
                self._send(request.message, request.payload)
        for request in suspects[:1]:
            asyncio.get_running_loop().call_later(self.settings.grace_s, self._clear, request, self._process)

    def _clear(self, request: Request, process: asyncio.subprocess.Process | None) -> None:
        """Suspect a request no longer that the process has lived with for a while."""
        if process is self._process and request.sent:
            request.suspect = False
            self._send_waiting()

    def _send(self, message: dict[str, Any], payload: bytes = b"") -> None:
        if self._writer is not None:  # else it has ended just now
            self._writer.write(packed(message, payload))

    def _let_go(self, number: int, request: Request) -> None:
        """Have the process drop a request that is not answered; kill it if it does not."""
        if self._requests.get(number) is not request:
            return
        if not request.sent:
            del self._requests[number]
            self._send_waiting()
            return
        request.answer.cancel()
        self._send({"cancel": number})
        asyncio.get_running_loop().call_later(self.settings.grace_s, self._kill_if_held, number, request)

    def _kill_if_held(self, number: int, request: Request) -> None:
        if self._requests.get(number) is request and self._process is not None:
            log.warning("the process of the models does not let go of a request; it is killed")
            with suppress(ProcessLookupError):
                self._process.kill()

    def _judge_unanswered(self) -> None:
        """Refuse the request that a process has ended with; where it is not clear which, suspect each of them."""
        sent = {number: request for number, request in self._requests.items() if request.sent}
        trial = [request for request in sent.values() if request.suspect]
        candidates = trial or list(sent.values())
        blamed = candidates[0] if len(candidates) == 1 else None
        for number, request in sent.items():
            request.sent = False
            request.suspect = blamed is None
            if request.answer.done():  # given up, and perhaps what it hung on
                del self._requests[number]
                request.release()
            elif request is blamed:
                del self._requests[number]
                reason = "the process of the models has ended while it answered this request"
                request.answer.set_exception(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, reason))
