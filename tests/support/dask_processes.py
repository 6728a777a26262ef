"""A dask scheduler and workers, each a process of its own in a folder of its own."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from users_folder import ROOT
from waiting import wait_until

from pipeline.support.scheduler import address_of, connected


class DaskProcesses:
    """A scheduler that writes its file below `folder`, and workers that are started one by one. Use as a context."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._processes = ExitStack()

    def __enter__(self) -> "DaskProcesses":
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file)]
        self.scheduler = self._start(["scheduler", *options], self.folder, "")
        wait_until(self._is_written, self.scheduler)
        return self

    def __exit__(self, *error: object) -> None:
        self._processes.close()

    @property
    def address(self) -> str:
        return address_of(str(self.file))

    def start_worker(self, *first_on_path: Path) -> "subprocess.Popen[bytes]":
        """Start a worker in a new folder; what is in the folders given hides what is installed."""
        folder = self.folder / f"worker-{len(self.workers)}"
        folder.mkdir()
        options = ["--scheduler-file", str(self.file), "--nthreads", "1", "--no-dashboard", "--no-nanny"]
        path = os.pathsep.join(map(str, [*first_on_path, ROOT]))
        self.workers.append(self._start(["worker", *options], folder, path))
        return self.workers[-1]

    def wait_for_workers(self, count: int) -> None:
        with connected(str(self.file)) as client:
            client.wait_for_workers(count)

    def _is_written(self) -> bool:
        try:
            return "address" in json.loads(self.file.read_text())
        except (FileNotFoundError, ValueError):
            return False

    def _start(self, command: list[str], folder: Path, path: str) -> "subprocess.Popen[Any]":
        """Start a process that ends with the context."""
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *command],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes.enter_context(process)
        self._processes.callback(process.kill)
        return process


def is_writing(process: "subprocess.Popen[bytes]") -> bool:
    """Return True while a process has a shard open that is not finished."""
    files = Path(f"/proc/{process.pid}/fd")
    try:
        return any(os.readlink(file).endswith(".partial") for file in files.iterdir())
    except FileNotFoundError:  # a file that was closed meanwhile
        return False
