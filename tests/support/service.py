"""The service as a process of its own, and requests to it."""

import http.client
import io
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from trained import ONLY_ORIGINAL
from waiting import wait_until

from features.tensors.four_channel import Recipe
from features.tensors.spectrogram import SpectrogramRecipe
from training.artefact import LearnedCorpus, write_artefact
from training.models.base import SpectrogramModel
from training.models.build import build
from training.models.resnet_attention.settings import ResNetAttentionModel

RECIPE = Recipe(frames=24, n_mels=32, variants=ONLY_ORIGINAL)
MODEL: SpectrogramModel = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1)
PATIENCE_S = 60
BOUNDARY = "a-boundary"


def write_model(
    folder: Path,
    classes: str = "abc",
    seed: int = 0,
    *,
    not_sure_limit: float = 0.3,
    recipe: Recipe | SpectrogramRecipe = RECIPE,
    model: SpectrogramModel = MODEL,
    thresholds: Sequence[float] | None = None,
) -> Path:
    """Write a model whose weights are drawn, and which has heard recordings of up to 0.75 s.

    With `thresholds`, one for each class, it answers several labels.
    """
    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(model, len(classes), recipe).eval()
    decision: dict[str, Any] = {"temperature": 1.5, "not_sure_limit": not_sure_limit}
    if thresholds is not None:
        decision = {"temperature": None, "not_sure_limit": None, "thresholds": list(thresholds)}
    corpus = LearnedCorpus(name="tones", identity="i", clips=12, longest_s=0.75)
    write_artefact(
        folder,
        network,
        model=model,
        classes=list(classes),
        recipe=json.loads(json.dumps(asdict(recipe))),
        identity=recipe.identity("original"),
        store="s",
        corpus=corpus,
        decision=decision,
        scores={"accuracy": 0.75} | ({} if thresholds is None else {"map": 0.875}),
        task="multiclass" if thresholds is None else "multilabel",
    )
    return folder


class Service:
    """A running `otogura serve`.

    Attributes
    ----------
    process : Popen
    port : int
    key : str
        Sent with each request, unless it is empty.
    folder : Path
        In which the service has its folder for bodies.
    context : SSLContext or None
        To send requests over https.
    """

    def __init__(
        self,
        process: "subprocess.Popen[str]",
        port: int,
        key: str,
        folder: Path,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.process, self.port, self.key, self.folder, self.context = process, port, key, folder, context

    @property
    def bodies(self) -> Path:
        """Return the folder for bodies."""
        (folder,) = self.folder.glob("otogura-serve-*")
        return folder

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers by their names in small letters, and body."""
        address: Any = {"host": "127.0.0.1", "port": self.port, "timeout": PATIENCE_S}
        if self.context is None:
            connection = http.client.HTTPConnection(**address)
        else:
            connection = http.client.HTTPSConnection(**address, context=self.context)
        try:
            connection.request(method, path, body, self.headers(headers))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        return ({"Authorization": f"Bearer {self.key}"} if self.key else {}) | (more or {})

    def json(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and JSON; a body that is no bytes is sent as JSON."""
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        status, _, text = self.request(method, path, body, given)
        return status, json.loads(text)

    def form(self, path: str, *files: tuple[str, bytes]) -> tuple[int, Any]:
        """Return status and JSON for files of a form."""
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self.json("POST", path, form(*files), Content_Type=kind)

    def open(self, path: str = "/predict", *, method: str = "POST", more: str = "") -> socket.socket:
        """Return a connection on which the beginning of a request was sent, which ends with `more`."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        lines = [f"{name}: {value}" for name, value in self.headers().items()]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, more])
        connection.sendall(head.encode())
        return connection

    def number(self, name: str) -> float:
        """Return a number of /metrics."""
        text = self.request("GET", "/metrics")[2].decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))

    def wait(self, name: str, least: float = 0.0, most: float = float("inf")) -> None:
        """Return when a number of /metrics lies between two others."""
        wait_until(lambda: least <= self.number(name) <= most, self.process)

    def wait_ready(self) -> None:
        wait_until(lambda: self.request("GET", "/ready")[0] == 200, self.process)

    def workers(self) -> list[int]:
        """Return the processes of the models."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(number) for number in path.read_text().split()]


def written(samples: np.ndarray, rate_hz: int = 22050, **how: Any) -> bytes:
    """Return a file of sound."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, **({"format": "WAV"} | how))
    return file.getvalue()


def form(*files: tuple[str, bytes], field: str = "file") -> bytes:
    """Return the body of a form with files."""
    parts = []
    for name, data in files:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        parts.append(head.encode() + b"Content-Type: audio/wav\r\n\r\n" + data + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def answer_of(connection: socket.socket) -> tuple[int, Any]:
    """Return status and JSON that arrive on a connection."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, json.loads(answer.read())


@contextmanager
def service(
    *words: str | Path, key: str = "", folder: Path, context: ssl.SSLContext | None = None
) -> Iterator[Service]:
    """Run `otogura serve …` on a free port, until the block ends."""
    command = [sys.executable, "-m", "pipeline.commands.main", "serve", *map(str, words), "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(folder)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        running = Service(process, int(line.rstrip().rpartition(":")[2]), key, folder, context)
        running.wait_ready()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert not list(folder.glob("otogura-serve-*"))
