"""Clients of the service, many at a time.

python -m benchmarks.clients PORT SOUND [CLIENTS [REQUESTS]]     times of answers, and of /health beside them
"""

import http.client
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np

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
    """Return the seconds that /health takes, asked every 20 ms while some work is done."""
    seconds: list[float] = []
    done = Event()

    def ask() -> None:
        while not done.wait(0.02):
            start_s = time.perf_counter()
            request(port, "GET", "/health")
            seconds.append(time.perf_counter() - start_s)

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask)
        try:
            work()
        finally:
            done.set()
        asking.result()
    return seconds


def main(words: list[str]) -> None:
    port, sound = int(words[0]), Path(words[1]).read_bytes()
    clients, requests = (int(word) for word in [*words[2:], "200", "600"][:2])
    answers: list[float] = []
    start_s = time.perf_counter()
    health = health_beside(port, lambda: answers.extend(load(port, [form(sound)] * requests, clients)))
    print(f"{clients} clients: {requests / (time.perf_counter() - start_s):.1f} answers/s")
    for name, seconds in (("/predict", answers), ("/health", health)):
        p50, p99 = 1000 * np.percentile(seconds, [50, 99])
        print(f"{name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
