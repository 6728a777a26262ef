"""A folder for what a benchmark writes, and commands that it runs there: neither outlives the benchmark."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.support.lock import exclusive

SCRATCH = Path("work/bench/scratch")


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder that is removed at the end; what a killed benchmark has left there is removed as well."""
    folder = SCRATCH.resolve()
    with exclusive(folder.with_suffix(".lock")):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def run(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder and wait for it; an interruption ends it with all processes that it has started.

    Raises `subprocess.CalledProcessError`, after the command's last lines are shown, if it fails.
    """
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()  # until the last of them has ended, for each holds the end of the pipe
        raise
    if process.returncode:
        print(output[-2000:], file=sys.stderr)
        raise subprocess.CalledProcessError(process.returncode, command)
