"""Object storage on 127.0.0.1 that a test starts, and that fails as it is told."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from localbucket import S3Handler

NAME = "stores"
FAULTS = ("drop", "unavailable", "truncate", "flip")


class Bucket:
    """A bucket, the requests that it has answered by their methods, and the faults of the next ones.

    Attributes
    ----------
    folder : Path
        In which the objects lie as files.
    faults : deque of str
        One for each of the next requests for objects: one of `FAULTS`, or "" for none.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder / NAME, port
        self.faults: deque[str] = deque()
        self.requests: Counter[str] = Counter()

    def address(self, name: str = "family") -> str:
        return f"s3://{NAME}/{name}"


@contextmanager
def bucket(folder: Path, environment: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket below a folder, to which the environment points."""
    (folder / NAME).mkdir(parents=True)

    class Handler(S3Handler):
        data_root: ClassVar[Path] = folder
        disable_nagle_algorithm = True  # an answer is two writes, between which it would wait

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def _dispatch(self, action: Any) -> None:
            here.requests[self.command] += 1
            fault = here.faults.popleft() if here.faults and "?" not in self.path else ""
            if fault == "drop":
                self.close_connection = True
                return
            if fault == "unavailable":
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
                return
            written = self.wfile
            if fault in ("truncate", "flip"):
                self.wfile = _Faulty(written, fault)
            super()._dispatch(action)
            self.wfile = written
            if fault == "truncate":
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Bucket(folder, server.server_port)
    environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    environment.setenv("AWS_ACCESS_KEY_ID", "key")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "of nobody")
    environment.setenv("AWS_REGION", "us-east-1")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Faulty:
    """File that writes the headers of an answer, and of its body half, or all with one bit changed."""

    def __init__(self, file: Any, fault: str) -> None:
        self._file, self._fault, self._body = file, fault, False

    def write(self, data: bytes) -> int:
        head, separator, body = (b"", b"", data) if self._body else bytes(data).partition(b"\r\n\r\n")
        self._body = self._body or bool(separator)
        if self._body and body:
            body = body[: len(body) // 2] if self._fault == "truncate" else bytes([body[0] ^ 1]) + body[1:]
            self._fault = "" if self._fault == "flip" else self._fault
        self._file.write(head + separator + body)
        return len(data)

    def flush(self) -> None:
        self._file.flush()
