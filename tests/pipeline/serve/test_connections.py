"""Connections: clients that do not take their answers are left, and refusals disturb no application."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from service import PATIENCE_S
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.serve.connections import connection_class

LENGTH = 64_000_000  # more than a system holds between two processes
Client = Callable[[int, asyncio.Event], Awaitable[None]]


async def run(app: ASGIApp, client: Client) -> None:
    """Run a client, by the port and an event that is set where a connection is lost, against an application."""
    lost = asyncio.Event()

    class Noted(connection_class(0.2, 20_000)):  # type: ignore[misc]  # a class that a function returns
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    config = uvicorn.Config(app, http=Noted, ws="none", loop="asyncio", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(PATIENCE_S):
            await client(listener.getsockname()[1], lost)
            server.should_exit = True
            await serving


async def large_answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(LENGTH).encode())]})
    await send({"type": "http.response.body", "body": bytes(LENGTH)})


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_a_client_that_does_not_take_its_answer_is_left() -> None:
    async def client(port: int, lost: asyncio.Event) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(GET)
            await lost.wait()

    asyncio.run(run(large_answer, client))


def test_a_client_that_takes_its_answer_has_all_of_it() -> None:
    async def client(port: int, lost: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert len((await reader.read(-1)).partition(b"\r\n\r\n")[2]) == LENGTH
        writer.close()
        await lost.wait()

    asyncio.run(run(large_answer, client))


async def after_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer once the body is complete or the client gone."""
    message: Any = {"more_body": True}
    while message.get("more_body"):
        message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"late"})


@pytest.mark.parametrize("method", [b"POST", b"HEAD"])
def test_a_broken_body_is_refused_once_and_in_silence(caplog: pytest.LogCaptureFixture, method: bytes) -> None:
    async def client(port: int, lost: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(method + b" / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert body.startswith(b'{"error"') == (method == b"POST")
        writer.close()
        await lost.wait()

    asyncio.run(run(after_body, client))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
