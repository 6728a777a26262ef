"""Process of the models: it decodes what clients send, under limits, and answers many requests together.

Its one argument is JSON; it talks with the service over the inherited socket that is named there.
"""

import json
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

import numpy as np

from features.recipe import SoundRecipe
from pipeline.serve.bodies import BodyReader
from pipeline.serve.frames import frames, packed
from pipeline.serve.jobs import OUT_OF_MEMORY, Job, Options
from pipeline.serve.memory import limit_memory
from pipeline.serve.refusals import Refusal
from pipeline.serve.rounds import Rounds
from training.errors import ArtefactError
from training.inference.model import TrainedModel


class ModelProcess:
    """Loop of the process: it takes messages between rounds.

    Parameters
    ----------
    connection : socket
    models : dict
        By their names.
    workers : int
        Threads that decode and compute features.
    max_seconds : float
        Longest recording.
    """

    def __init__(
        self, connection: socket.socket, models: dict[str, TrainedModel], workers: int, max_seconds: float
    ) -> None:
        self._connection = connection
        self._models = models
        self._max_seconds = max_seconds
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="otogura-windows")
        self._rounds = Rounds(self._threads, lambda windows: self._send({"batch": windows}))
        self._arrived: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._jobs: dict[int, Job] = {}  # also those that wait in the queue

    def run(self) -> None:
        """Answer until the other end of the connection is closed, which ends the process at once."""
        self._send({"ready": [described(name, model) for name, model in self._models.items()]})
        Thread(target=self._listen, args=(self._connection.makefile("rb"),), daemon=True).start()
        while True:
            arrived = [self._arrived.get()] if not len(self._rounds) else []
            while not self._arrived.empty():
                arrived.append(self._arrived.get())
            for job, refusal in self._threads.map(self._open, arrived):
                if refusal is None:
                    self._rounds.add(job)
                else:
                    self._finish(job, refusal)
            for job in self._rounds.run():
                self._finish(job, None)

    def _listen(self, messages: BinaryIO) -> None:
        for message, _ in frames(messages):
            if "cancel" in message:
                if job := self._jobs.get(message["cancel"]):
                    job.cancelled.set()
            else:
                job = Job(message["job"], Options(**message["options"]), self._max_seconds)
                self._jobs[job.number] = job
                self._arrived.put(message)
        os._exit(0)

    def _open(self, message: dict[str, Any]) -> tuple[Job, Refusal | None]:
        """Read the body of a request; return its refusal if there is nothing to be answered."""
        job = self._jobs[message["job"]]
        model = self._models[job.options.model]
        try:
            reader = BodyReader(model, job.options.hop_s, job.guard)
            recordings, top_k = reader.recordings(Path(message["path"]), message["content_type"])
            if top_k is not None:
                job.options = replace(job.options, top_k=top_k)
            job.hear(recordings, model)
        except Refusal as refusal:
            return job, refusal
        except MemoryError:
            return job, Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, OUT_OF_MEMORY)
        except OSError as error:  # the request has been given up, and its body is gone
            return job, Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"the body cannot be read: {error.strerror}")
        return job, None

    def _finish(self, job: Job, refusal: Refusal | None) -> None:
        del self._jobs[job.number]
        answer = b""
        if refusal is None and not job.cancelled.is_set():
            try:
                answer = job.answer()
            except Refusal as error:
                refusal = error
        reply: dict[str, Any] = {"done": job.number}
        if refusal is not None:
            reply |= {"status": refusal.status, "error": refusal.reason}
        self._send(reply, answer)

    def _send(self, message: dict[str, Any], payload: bytes = b"") -> None:
        self._connection.sendall(packed(message, payload))


def described(name: str, model: TrainedModel) -> dict[str, Any]:
    """Return the members of a model in the answer of /models."""
    sound = isinstance(model.recipe, SoundRecipe)
    return {
        "name": name,
        "version": model.version,
        "classes": list(model.classes),
        "positive": model.description.positive,
        "window_s": model.reader.window_s if sound else None,
        "sample_rate_hz": getattr(model.recipe, "sample_rate_hz", None),
        "kind": model.recipe.kind,
        "not_sure_limit": model.description.not_sure_limit,
        "metrics": model.description.scores,
    }


def warm_up(model: TrainedModel) -> None:
    """Answer a second of noise, so that no client waits for what the first answer loads and compiles."""
    if isinstance(model.recipe, SoundRecipe):
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, 48_000).astype(np.float32)
        model.predict(noise, 48_000)


def main(arguments: Sequence[str]) -> None:
    """Load the models, say so, and answer."""
    given = json.loads(arguments[0])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service ends it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it tells each bad form, as the answer does
    connection = socket.socket(fileno=given["socket"])
    try:
        models = {name: TrainedModel(folder, given["device"]) for name, folder in given["models"].items()}
    except (ArtefactError, OSError) as error:
        connection.sendall(packed({"failed": str(error)}))
        return
    for model in models.values():
        warm_up(model)
    limit_memory(given["memory_bytes"])
    ModelProcess(connection, models, given["workers"], given["max_seconds"]).run()


if __name__ == "__main__":
    main(sys.argv[1:])
