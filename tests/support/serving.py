"""A server on this machine that gives an archive, and misbehaves on request."""

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves one archive; `requests` are the ranges that were asked for."""

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data = data
        self.ranges = True  # whether it can go on in the middle
        self.broken_after: int | None = None  # bytes of an answer
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ESC-50.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.server.requests.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if self.path != "/ESC-50.zip":
            self.send_error(404)
        elif start >= len(self.server.data):
            self.send_error(416)
        else:
            part = self.server.data[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[: self.server.broken_after])

    def log_message(self, format: str, *arguments: object) -> None:
        """Not on the terminal."""


@contextmanager
def serving(data: bytes) -> Iterator[Server]:
    with Server(data) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
