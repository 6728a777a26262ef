"""Run of the service: a port, a folder for bodies, and the process of the models, until it is told to end."""

import asyncio
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import uvicorn
from fastapi import FastAPI

from pipeline.serve.app import application
from pipeline.serve.connections import connection_class
from pipeline.serve.keys import read_keys
from pipeline.serve.metrics import ServiceMetrics
from pipeline.serve.settings import ServiceSettings
from pipeline.serve.spool import Spool
from pipeline.serve.supervisor import Observers, StartError, Supervisor
from pipeline.support.errors import InputError

BACKLOG, LARGEST_HEADER_BYTES, KEEP_ALIVE_S = 512, 64 << 10, 15
MOST_OPEN_FILES = 1 << 16
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def serve(settings: ServiceSettings) -> None:
    """Answer requests until a signal ends it.

    Raises `InputError` where the keys are none or the models cannot be loaded, and `OSError` where the port is taken.
    """
    _allow_open_files()
    keys = None if settings.keys is None else read_keys(settings.keys)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with (
        TemporaryDirectory(prefix="otogura-serve-") as folder,
        socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG) as listener,
    ):
        metrics = ServiceMetrics()
        supervisor = Supervisor(settings, Observers(metrics.batches.observe, metrics.restarts.inc))
        app = application(settings, keys, supervisor, Spool(Path(folder)), metrics)
        server = uvicorn.Server(_config(app, settings))
        failures: list[StartError] = []

        async def supervise() -> None:
            try:
                await supervisor.run()
            except StartError as error:
                failures.append(error)
            finally:  # a service whose models nobody supervises is of no use
                server.should_exit = True

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            running = asyncio.create_task(supervise())
            _announce(settings, listener)
            yield
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        app.router.lifespan_context = lifespan
        signal.signal(signal.SIGTERM, _end)  # uvicorn sends itself the signal again once it has ended
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    if failures:
        raise InputError(str(failures[0]))


def _config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    certificate, key = settings.tls or (None, None)
    return uvicorn.Config(
        app,
        http=connection_class(settings.header_s, settings.body_bytes_per_s),
        ws="none",
        loop="asyncio",
        lifespan="on",
        h11_max_incomplete_event_size=LARGEST_HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(settings.deadline_s) + 1,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        server_header=False,
        log_level="warning",
        access_log=False,
    )


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _allow_open_files() -> None:
    """Let this process, and that of the models, have as many connections and files of forms as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MOST_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        with suppress(ValueError, OSError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _announce(settings: ServiceSettings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"otogura: http{'s' if settings.tls else ''}://{shown}:{port}", flush=True)
    if settings.keys is None and settings.host not in LOOPBACK:
        print("otogura: whoever reaches this port is answered; --keys asks for keys", file=sys.stderr, flush=True)
