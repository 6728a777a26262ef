"""Connection to a dask scheduler that runs already."""

import json
import logging
import warnings
from pathlib import Path
from threading import Timer
from typing import Any

from pipeline.support.errors import InputError

log = logging.getLogger("otogura")

PATIENCE_S = 4.0  # with a scheduler that does not answer, and with workers that do not come back
# Of a cluster; its scheduler answers some requests nevertheless, unless told otherwise at port 8787 of every network.
NO_DASHBOARD: dict[str, Any] = {"dashboard_address": None, "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}}


def worker_options(scheduler: str) -> str:
    """Return the options by which `dask worker` finds a scheduler."""
    return f"--scheduler-file {scheduler}" if _is_file(scheduler) else scheduler


def address_of(scheduler: str) -> str:
    """Return the address of a scheduler, read from its file if it is named by one. Raises `InputError`."""
    if not _is_file(scheduler):
        return scheduler
    try:
        return str(json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"])
    except FileNotFoundError:
        found = "no such file"
    except (ValueError, TypeError, KeyError):
        found = "something else in it"
    raise InputError(
        f"scheduler: expected the file of a dask scheduler at {scheduler}, found {found}; "
        f"write it by `dask scheduler --scheduler-file {scheduler}`"
    )


def connected(scheduler: str) -> Any:
    """Return a client of a dask scheduler, named by its address or file. Raises `InputError` where none answers."""
    from dask.distributed import Client

    address = address_of(scheduler)
    # dask waits without end for a server of another kind that takes its call.
    doubt = f"no answer yet at {address}; is that the address of a dask scheduler, and not of its dashboard?"
    timer = Timer(2 * PATIENCE_S, log.info, [doubt])
    timer.start()
    try:
        with warnings.catch_warnings():
            # A table of many lines; workers whose versions matter are refused in one line.
            warnings.filterwarnings("ignore", message="Mismatched versions found")
            return Client(address, timeout=PATIENCE_S)
    except (OSError, ValueError) as error:  # nobody listens there, or it is no address
        raise InputError(
            f"scheduler: expected a dask scheduler at {address}, got no answer ({' '.join(str(error).split())}); "
            "start one by `dask scheduler`, or leave scheduler out"
        ) from None
    finally:
        timer.cancel()


def _is_file(scheduler: str) -> bool:
    """Return True for the name of a file that `dask scheduler --scheduler-file` writes, False for an address."""
    return scheduler.endswith(".json")
