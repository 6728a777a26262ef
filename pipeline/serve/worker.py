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
import threading
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any

from pipeline.serve.bodies import BodyReader
from pipeline.serve.frames import frames, packed
from pipeline.serve.jobs import OUT_OF_MEMORY, Job, Options
from pipeline.serve.lanes import Lanes
from pipeline.serve.memory import limit_memory
from pipeline.serve.models import ServedModel
from pipeline.serve.refusals import NO_ROOM, Refusal
from pipeline.support.allocation import keep_freed_memory
from training.errors import ArtefactError
from training.inference.model import TrainedModel

NICENESS = 5  # behind the process that takes requests and tells that the service lives


class ModelProcess:
    """Requests of the service, and the lanes that answer them.

    Parameters
    ----------
    connection : socket
    models : dict
        By their names.
    workers : int
        Lanes.
    max_seconds : float
        Longest recording.
    """

    def __init__(
        self, connection: socket.socket, models: dict[str, ServedModel], workers: int, max_seconds: float
    ) -> None:
        self._connection = connection
        self._models = models
        self._max_seconds = max_seconds
        self._sending = Lock()
        self._jobs: dict[int, Job] = {}
        self._lanes = Lanes(
            workers,
            models,
            read=self._read,
            finish=self._finish,
            on_batch=lambda windows: self._send({"batch": windows}),
        )

    def run(self) -> None:
        """Take requests until the other end of the connection is closed, which ends the process at once."""
        self._lanes.start()
        self._send({"ready": [model.described() for model in self._models.values()]})
        for message, payload in frames(self._connection.makefile("rb")):
            if "cancel" in message:
                if job := self._jobs.get(message["cancel"]):
                    job.cancelled.set()
            else:
                self._lanes.add([(self._job(message, payload), None)])
        os._exit(0)

    def _job(self, message: dict[str, Any], payload: bytes) -> Job:
        job = Job(
            message["job"],
            Options(**message["options"]),
            payload if message["file"] is None else Path(message["file"]),
            Path(message["folder"]),
            message["content_type"],
            self._max_seconds,
        )
        self._jobs[job.number] = job
        return job

    def _read(self, job: Job) -> None:
        """Read the body of a request. Raises `Refusal` if there is nothing to be answered."""
        model = self._models[job.options.model].model
        try:
            reader = BodyReader(model, job.options.hop_s, job.guard, job.folder)
            recordings, top_k = reader.recordings(job.body, job.content_type)
            if top_k is not None:
                job.options = replace(job.options, top_k=top_k)
            job.hear(recordings, model)
        except MemoryError:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, OUT_OF_MEMORY) from None
        except OSError:  # also where the request has been given up, and its body is gone
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, NO_ROOM) from None

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
        with self._sending:
            self._connection.sendall(packed(message, payload))


def _end(error: threading.ExceptHookArgs) -> None:
    """End the process with a lane: a next one has all of them again."""
    threading.__excepthook__(error)
    os._exit(1)


def main(arguments: Sequence[str]) -> None:
    """Load the models, say so, and answer."""
    given = json.loads(arguments[0])
    os.nice(NICENESS)
    threading.excepthook = _end
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service ends it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it tells each bad form, as the answer does
    connection = socket.socket(fileno=given["socket"])
    try:
        models = {
            name: ServedModel(name, TrainedModel(folder, given["device"])) for name, folder in given["models"].items()
        }
    except (ArtefactError, OSError) as error:
        connection.sendall(packed({"failed": str(error)}))
        return
    for model in models.values():
        model.warm_up(given["workers"])
    limit_memory(given["memory_bytes"])
    ModelProcess(connection, models, given["workers"], given["max_seconds"]).run()


if __name__ == "__main__":
    main(sys.argv[1:])
