"""Waiting for what another process does, without a sleep, and not for ever."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 200.0


def wait_until(condition: Callable[[], Any], process: "subprocess.Popen[Any]", ended: bool = False) -> None:
    """Return when a condition holds; fail if a process ends before, unless it has `ended`, or when patience does."""
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            pass
        else:
            assert ended or condition(), f"the process ended before, with {process.returncode}"
        assert time.monotonic() < limit, "nothing has happened"
