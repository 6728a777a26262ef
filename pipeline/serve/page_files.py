"""Files of the page in the browser, and headers that keep it from loading or sending anything elsewhere."""

import mimetypes
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = Path(__file__).parent / "page"
INDEX = "index.html"
HEADERS = {
    "content-security-policy": "default-src 'self'; media-src 'self' blob:; img-src 'self' blob: data:; "
    "style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class SafeHeaders:
    """ASGI middleware that adds these headers to each response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


def add_page(app: FastAPI, folder: Path = PAGE) -> None:
    """Add a route for each file of the page, by its exact name; no other path reads a file."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        _add_file(app, "/" if name == INDEX else f"/{name}", path)


def _add_file(app: FastAPI, route: str, path: Path) -> None:
    kind, content = mimetypes.guess_type(path.name)[0] or "application/octet-stream", path.read_bytes()

    async def file(request: Request) -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    app.add_route(route, file, methods=["GET"], include_in_schema=False)
