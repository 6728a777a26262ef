"""Limits in front of the application: number of requests; size, speed and coding of bodies; refusals as JSON."""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serve.metrics import ServiceMetrics
from pipeline.serve.refusals import Refusal
from pipeline.serve.settings import ServiceSettings

DRAIN_BYTES, DRAIN_S = 32_000_000, 2.0
BUSY, BUSY_RETRY_S = "too many requests are being answered; try again", (1, 3)


class Limits:
    """ASGI middleware that limits requests and their bodies, and answers each `Refusal` that the application raises.

    Parameters
    ----------
    app : ASGI application
    settings : ServiceSettings
    metrics : ServiceMetrics
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings, metrics: ServiceMetrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._bodies = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        body = _Body(headers, receive, self._settings)
        response = _Response(body, send)
        try:
            with self._place(scope["method"]):
                body.check(headers)
                await self._app(scope, body.receive, response.send)
        except Refusal as refusal:
            await refuse(response.send, refusal)

    @contextmanager
    def _place(self, method: str) -> Iterator[None]:
        """Have a place among the requests with a body. Raises `Refusal` if all are taken."""
        if method != "POST":
            yield
            return
        if self._bodies >= self._settings.queue:
            # Clients that were refused together do not come back together.
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, BUSY, random.randint(*BUSY_RETRY_S))
        self._bodies += 1
        self._metrics.in_flight.set(self._bodies)
        try:
            yield
        finally:
            self._bodies -= 1
            self._metrics.in_flight.set(self._bodies)


async def refuse(send: Send, refusal: Refusal) -> None:
    """Send a refusal as JSON."""
    text = json.dumps({"error": refusal.reason}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(text))} | refusal.headers
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(refusal.status), "headers": raw})
    await send({"type": "http.response.body", "body": text})


class _Body:
    """Body of one request, counted and timed as it arrives."""

    def __init__(self, headers: Headers, receive: Receive, settings: ServiceSettings) -> None:
        self._receive = receive
        self._settings = settings
        self._bytes = 0
        self._started_s: float | None = None
        self.complete = not ("transfer-encoding" in headers or headers.get("content-length", "0") != "0")

    def check(self, headers: Headers) -> None:
        """Raise `Refusal` where the header alone tells that the body is not taken."""
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding != "identity":
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a body without Content-Encoding")
        if "content-length" in headers and "transfer-encoding" in headers:  # where the body ends would be a question
            raise Refusal(HTTPStatus.BAD_REQUEST, "expected Content-Length or Transfer-Encoding, got both")
        if int(headers.get("content-length", "0")) > self._settings.max_body_bytes:  # digits, as the server checks
            raise self._too_large()

    async def receive(self) -> Message:
        """Return the next part. Raises `Refusal` where all are too large together, or too slow."""
        if self.complete:
            return await self._receive()
        loop = asyncio.get_running_loop()
        if self._started_s is None:
            self._started_s = loop.time()
        settings = self._settings
        until_s = self._started_s + settings.body_s + self._bytes / settings.body_bytes_per_s
        try:
            async with asyncio.timeout_at(until_s):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "the body arrives too slowly") from None
        self._note(message)
        if self._bytes > settings.max_body_bytes:
            raise self._too_large()
        return message

    async def drain(self) -> None:
        """Take what the client still sends, for a moment: it may read the answer only after it has sent all."""
        limit = self._bytes + DRAIN_BYTES
        try:
            async with asyncio.timeout(DRAIN_S):
                while not self.complete and self._bytes < limit:
                    self._note(await self._receive())
        except TimeoutError:
            return

    def _note(self, message: Message) -> None:
        self._bytes += len(message.get("body", b""))
        self.complete = message["type"] != "http.request" or not message.get("more_body", False)

    def _too_large(self) -> Refusal:
        limit = f"{self._settings.max_body_bytes / 1e6:g} MB"
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of at most {limit}")


class _Response:
    """Response to one request; where the body has not been taken, the connection is closed after it."""

    def __init__(self, body: _Body, send: Send) -> None:
        self._body = body
        self._send = send
        self._closes = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self._body.complete:
            self._closes = True
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        if self._closes and message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._body.drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)
