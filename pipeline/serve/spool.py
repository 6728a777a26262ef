"""Bodies that are being answered: small ones in memory, others in files, which are removed with their answers."""

import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import BinaryIO

from starlette.requests import ClientDisconnect, Request

from pipeline.serve.refusals import NO_ROOM, Refusal

LARGEST_IN_MEMORY_BYTES = 1 << 20
BODY = "body.wav"  # libsndfile tells formats by their beginning; the ending is one of a file that it may open

log = logging.getLogger("otogura.serve")


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

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


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
        """Receive the body of a request, which is kept until the block ends; None if the client has gone away.

        Raises `Refusal` where there is no room for it.
        """
        folder = self._folder / str(next(self._numbers))
        try:
            yield await _received(request, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def _received(request: Request, folder: Path) -> Received | None:
    held, file = bytearray(), None
    try:
        with ExitStack() as closing:
            async for part in request.stream():
                if file is None and len(held) + len(part) > LARGEST_IN_MEMORY_BYTES:
                    file = closing.enter_context(_opened(folder))
                    file.write(held)
                    held.clear()
                (held.extend if file is None else file.write)(part)
    except ClientDisconnect:
        return None
    except OSError as error:  # a full disk, or too many open files
        log.warning("a body cannot be kept: %s", error.strerror)
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, NO_ROOM) from None
    return Received(bytes(held), None if file is None else folder / BODY, folder)


def _opened(folder: Path) -> BinaryIO:
    folder.parent.mkdir(mode=0o700, exist_ok=True)  # systems remove temporary folders that nobody uses for days
    folder.mkdir()
    return open(folder / BODY, "wb")
