"""Connections of the service: a header has to arrive within a time, and what is no HTTP is answered as JSON."""

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """Connection of one client, which is closed if a header does not arrive within `header_s` of its beginning."""

    header_s = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a header."""
        super().connection_made(transport)
        self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrives; while it is part of a header, wait for the rest."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._timer is None and not self.transport.is_closing():
            self._wait_for_header()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, or has too large a header."""
        self._refuse(400, "expected an HTTP request with a header of at most 64 kB")

    def _wait_for_header(self) -> None:
        self._timer = self.loop.call_later(self.header_s, self._late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            self._refuse(408, "the header arrives too slowly")

    def _refuse(self, status: int, reason: str) -> None:
        text = json.dumps({"error": reason}).encode()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(text))),
                ("connection", "close"),
            ]
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=text), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def connection_class(header_s: float) -> type[Any]:
    """Return the class of connections with that time for headers, which uvicorn makes itself."""
    return type("Connection", (Connection,), {"header_s": header_s})
