"""Connections of the service: a header has to arrive within a time, and an answer has to be taken; errors are JSON."""

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """Connection of one client, which is closed if its header or its taking of answers is too slow.

    Attributes
    ----------
    header_s : float
        Time for a header from its beginning on.
    bytes_per_s : int
        Slowest taking of an answer; in each `header_s` it has to take so much of it.
    """

    header_s = 10.0
    bytes_per_s = 20_000
    _timer: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a header."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=1, low=0)  # tells whenever a part of an answer waits for the client
        self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrives; while it is part of a header, wait for the rest."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._timer is None and not self.transport.is_closing():
            self._wait_for_header()

    def pause_writing(self) -> None:
        """Begin to watch how fast the client takes an answer."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Watch no longer, since the client has taken all."""
        self._stop_watching()
        super().resume_writing()

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

    def _watch(self) -> None:
        waiting_bytes = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(self.header_s, self._end_if_slow, waiting_bytes)

    def _stop_watching(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _end_if_slow(self, before_bytes: int) -> None:
        if self.transport.get_write_buffer_size() > before_bytes - self.header_s * self.bytes_per_s:
            self.transport.abort()
        else:
            self._watch()

    def _refuse(self, status: int, reason: str) -> None:
        text = json.dumps({"error": reason}).encode()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(text))),
                ("connection", "close"),
            ]
            if self.conn.our_state is h11.SEND_RESPONSE and self.scope["method"] == "HEAD":
                text = b""
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=text), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:  # the application has nobody to answer any more
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


def connection_class(header_s: float, bytes_per_s: int) -> type[Any]:
    """Return the class of connections with these limits, which uvicorn makes itself."""
    return type("Connection", (Connection,), {"header_s": header_s, "bytes_per_s": bytes_per_s})
