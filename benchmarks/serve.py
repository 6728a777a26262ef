"""The service, against one client after another, and against a FastAPI route that calls the model."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from joblib import cpu_count

from benchmarks.clients import form, load, request
from benchmarks.measure import Row, medians, row
from benchmarks.models import SMALL, SMALL_RECIPE, write_model
from benchmarks.scratch import scratch

REQUESTS, CLIENTS = 64, 16
SECONDS, RATE_HZ = 5, 22050
OURS = ("pipeline.commands.main", "serve")
PLAIN = ("benchmarks.peers.plain_fastapi",)


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    serial, plain = "serve/throughput_vs_serial", "serve/vs_plain_fastapi"
    if not wanted(serial) and not wanted(plain):
        return
    unit = f"ms a request of {SECONDS} s of WAV, {CLIENTS} clients, network of the demo, {cpu_count()} cores"
    with scratch() as folder:
        write_model(folder / "model", SMALL, SMALL_RECIPE)
        bodies = [form(sound(number)) for number in range(REQUESTS)]
        with running(OURS, folder / "model") as (ours, _):
            together = partial(load, ours, bodies, CLIENTS)
            if wanted(serial):
                mine_s, theirs_s = medians(together, partial(load, ours, bodies, 1))
                yield row(serial, unit, mine_s / REQUESTS, theirs_s / REQUESTS, "the same, one request after the other")
            if wanted(plain):
                with running(PLAIN, folder / "model") as (theirs, _):
                    mine_s, theirs_s = medians(together, partial(load, theirs, bodies, CLIENTS))
                yield row(plain, unit, mine_s / REQUESTS, theirs_s / REQUESTS, "a FastAPI route in its thread pool")


def sound(seed: int) -> bytes:
    """Return a file of noise."""
    file = io.BytesIO()
    samples = 0.1 * np.random.default_rng(seed).standard_normal(SECONDS * RATE_HZ)
    soundfile.write(file, samples, RATE_HZ, format="WAV")
    return file.getvalue()


@contextmanager
def running(module: tuple[str, ...], model: Path) -> Iterator[tuple[int, int]]:
    """Run a service on a free port, which it prints last on its first line; the port, and its process."""
    command = [sys.executable, "-m", *module, str(model), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().strip().rpartition(":")[2])
        while request(port, "GET", "/ready")[0] != 200:
            if process.poll() is not None:
                raise ConnectionError(f"{module[0]} has ended")
        yield port, process.pid
    finally:
        process.terminate()
        process.stdout.close()
        process.wait()
