"""Bodies that are being answered: small ones in memory, others in files, which are removed with their answers."""

import shutil
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from starlette.requests import ClientDisconnect, Request

LARGEST_IN_MEMORY_BYTES = 1 << 20
BODY = "body.wav"  # libsndfile tells formats by their beginning; the ending is one of a file that it may open


@dataclass(frozen=True)
class Received:
    """Body of a request.

    Attributes
    ----------
    content : bytes
        Empty where it lies in a file.
    file : Path or None
    folder : Path
        For files of the request; it is made by whoever writes the first.
    """

    content: bytes
    file: Path | None
    folder: Path


class Spool:
    """Bodies of requests.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[Received | None]:
        """Receive the body of a request, which is kept until the block ends; None if the client has gone away."""
        folder = self._folder / str(next(self._numbers))
        try:
            yield await _received(request, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def _received(request: Request, folder: Path) -> Received | None:
    held, file = bytearray(), None
    with ExitStack() as closing:
        try:
            async for part in request.stream():
                if file is None and len(held) + len(part) > LARGEST_IN_MEMORY_BYTES:
                    file = closing.enter_context(_opened(folder))
                    file.write(held)
                    held.clear()
                (held.extend if file is None else file.write)(part)
        except ClientDisconnect:
            return None
    return Received(bytes(held), None if file is None else folder / BODY, folder)


def _opened(folder: Path) -> BinaryIO:
    folder.mkdir()
    return open(folder / BODY, "wb")
