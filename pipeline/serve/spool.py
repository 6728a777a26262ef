"""Folder of bodies that are being answered: each is written as it arrives, and removed with its answer."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from pipeline.serve.metrics import ServiceMetrics
from pipeline.serve.refusals import BUSY, Refusal

BODY = "body.wav"  # libsndfile tells formats by their beginning; the ending is one of a file that it may open


class Spool:
    """Bodies of requests, of which a few are there at a time.

    Parameters
    ----------
    folder : Path
    limit : int
        Requests at a time; another one is refused.
    metrics : ServiceMetrics
    """

    def __init__(self, folder: Path, limit: int, metrics: ServiceMetrics) -> None:
        self._folder = folder
        self._limit = limit
        self._metrics = metrics
        self._requests = 0
        self._numbers = count()

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[Path | None]:
        """Receive the body of a request as a file in a folder of its own; None if the client has gone away.

        Raises `Refusal` if too many are there already.
        """
        if self._requests >= self._limit:
            raise Refusal(*BUSY)
        folder = self._folder / str(next(self._numbers))
        self._requests += 1
        self._metrics.in_flight.set(self._requests)
        try:
            folder.mkdir()
            yield await _received(request, folder / BODY)
        finally:
            self._requests -= 1
            self._metrics.in_flight.set(self._requests)
            shutil.rmtree(folder, ignore_errors=True)


async def _received(request: Request, path: Path) -> Path | None:
    with open(path, "wb") as file:
        try:
            async for part in request.stream():
                file.write(part)
        except ClientDisconnect:
            return None
    return path
