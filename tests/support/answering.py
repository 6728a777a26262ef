"""A stand-in for `otogura serve`: it gives the page, and canned answers of the form that the service gives."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import soundfile

PAGE = Path(__file__).parents[2] / "pipeline" / "serve" / "page"
POLICY = "default-src 'self'; media-src 'self' blob:; img-src 'self' blob: data:; style-src 'self'; script-src 'self'"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
WINDOW_S = 2.0
QUIET = 0.01  # RMS, below which an answer is not sure
CLASSES = ["bell", "engine", "rain", "siren"]

Answer = Callable[[str, bytes, bool], dict[str, Any]]  # by the name of a model, for a sound, explained or not


def described_model(name: str) -> dict[str, Any]:
    """Return a model as `GET /models` lists it."""
    return {
        "name": name,
        "version": "0123456789abcdef",
        "classes": CLASSES,
        "positive": None,
        "window_s": WINDOW_S,
        "sample_rate_hz": 22050,
        "kind": "four_channel",
        "not_sure_limit": 0.6,
        "metrics": {"accuracy": 0.9125},
    }


class BadSoundError(Exception):
    """Sound that has no answer, with the line that says why."""


def canned(_: str, sound: bytes, explain: bool) -> dict[str, Any]:
    """Answer each window of a sound by the next class; quiet ones are not sure."""
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(sound), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        raise BadSoundError("expected a sound, found a file of no known format") from None
    duration_s = len(samples) / rate_hz
    segments = []
    for number in range(max(1, round(duration_s / WINDOW_S))):
        part = samples[int(number * WINDOW_S * rate_hz) : int((number + 1) * WINDOW_S * rate_hz)]
        end_s = min(duration_s, (number + 1) * WINDOW_S)
        segments.append({"start_s": number * WINDOW_S, "end_s": end_s} | _share(number % len(CLASSES), part))
    answer = _share(0, samples) | {"model_version": "0123456789abcdef", "segments": segments}
    if explain:
        end_s = segments[0]["end_s"]
        curve = np.exp(-(((np.arange(24) - 16) / 3) ** 2) / 2).round(4).tolist()
        explanation = {"start_s": 0.0, "end_s": end_s, "step_s": end_s / 24, "attention": curve, "occlusion": curve}
        answer["explanation"] = explanation
    return answer


def _share(number: int, samples: np.ndarray) -> dict[str, Any]:
    sure = bool(np.sqrt(np.mean(np.square(samples))) > QUIET)
    shares = np.full(len(CLASSES), 0.05 if sure else 0.2)
    shares[number] = 1 - 3 * shares[0]
    probabilities = dict(zip(CLASSES, shares.tolist(), strict=True))
    return {"class": CLASSES[number], "sure": sure, "confidence": float(shares[number]), "probabilities": probabilities}


class Service(ThreadingHTTPServer):
    """Server of the page; `busy` is how many requests are refused before the next is answered."""

    daemon_threads = True

    def __init__(self, models: list[dict[str, Any]], answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.models = models
        self.answer = answer
        self.busy = 0
        self.sounds: list[tuple[dict[str, str], str, bytes]] = []  # query, media type and body of each request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        if self.path == "/models":
            if not self._is_busy():
                self._send_json(200, self.server.models)
            return
        path = PAGE / (self.path.lstrip("/") or "index.html")
        if path.parent != PAGE or not path.is_file():
            self.send_error(404)
            return
        self._send(200, path.read_bytes(), TYPES[path.suffix], {"Content-Security-Policy": POLICY})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.sounds.append((query, self.headers["Content-Type"], body))
        if self._is_busy():
            return
        try:
            self._send_json(200, self.server.answer(query["model"], body, query["explain"] == "true"))
        except BadSoundError as error:
            self._send_json(422, {"error": str(error)})

    def _is_busy(self) -> bool:
        """Refuse the request, if that is wanted."""
        if not self.server.busy:
            return False
        self.server.busy -= 1
        self._send_json(503, {"error": "too many requests are being answered"}, {"Retry-After": "1"})
        return True

    def _send_json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", headers or {})

    def _send(self, status: int, data: bytes, media_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": media_type, "Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Not on the terminal."""


@contextmanager
def answering(*names: str, answer: Answer = canned) -> Iterator[Service]:
    """Serve models of these names."""
    with Service([described_model(name) for name in names], answer) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        yield service
        service.shutdown()
        thread.join()
