"""Clients of the service, many at a time."""

import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

BOUNDARY = "a-boundary"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(sound: bytes) -> bytes:
    """Return a form with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="sound.wav"\r\n\r\n'
    return head.encode() + sound + f"\r\n--{BOUNDARY}--\r\n".encode()


def load(port: int, bodies: list[bytes], clients: int) -> list[float]:
    """Send forms to /predict by so many clients at a time; return the seconds to each answer, with its refusals."""

    def send(body: bytes) -> float:
        start_s = time.perf_counter()
        while True:
            status, retry_after_s = request(port, "POST", "/predict", body)
            if status == 200:
                return time.perf_counter() - start_s
            if status != 503:
                raise ConnectionError(f"expected an answer, got {status}")
            time.sleep(retry_after_s)

    with ThreadPoolExecutor(clients) as threads:
        return list(threads.map(send, bodies))


def request(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, float]:
    """Return the status of an answer, and the seconds after which to try again."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, HEADERS if body else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status, float(answer.headers.get("Retry-After", 1))
    finally:
        connection.close()


def health_beside(port: int, work: Callable[[], object]) -> list[float]:
    """Return the seconds that /health takes, asked every 20 ms by another process while some work is done."""
    processes = get_context("spawn")
    ours, theirs = processes.Pipe()
    asking = processes.Process(target=_ask, args=(port, theirs))
    asking.start()
    ours.recv()
    try:
        work()
    finally:
        ours.send("done")
    seconds: list[float] = ours.recv()
    asking.join()
    return seconds


def _ask(port: int, other: "Connection[Any, Any]") -> None:
    seconds: list[float] = []
    other.send("asking")
    while not other.poll(0.02):
        start_s = time.perf_counter()
        request(port, "GET", "/health")
        seconds.append(time.perf_counter() - start_s)
    other.send(seconds)
