"""Start of the ranks that train together on one machine, and their end, whatever happens to one of them.

`torch.distributed.run` would print pages for each rank that fails, and take its exit code away; here the first rank
shows progress and errors, as a process alone does, and nothing is left when this one ends.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from types import FrameType
from typing import IO, Any

from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch's stubs lack it

from training.interruption import SIGNALS
from training.rank_link import STARTED

log = logging.getLogger("otogura")

HOST = "127.0.0.1"
GRACE_S = 30.0  # for ranks that are told that another has ended
LAST_BYTES = 4096  # of what a rank printed, which end with its reason
AGAIN = "the same command goes on from the last checkpoint"


def run_ranks(command: Sequence[str], count: int, *, threads: int, held: Sequence[int] = ()) -> int:
    """Run a command as so many ranks, each with its number in the environment; return the exit code of the first.

    Ctrl-C and SIGTERM are passed on to all of them. Where one ends with an error, the others are told, and killed if
    they do not end. Where this process is killed, they end by themselves, with a checkpoint.

    Parameters
    ----------
    command : sequence of str
    count : int
    threads : int
        Threads of all ranks together.
    held : sequence of int
        Open files that the ranks keep open as well, such as a lock.
    """
    store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    shared = {
        "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count,
        "MASTER_ADDR": HOST,
        "MASTER_PORT": store.port,
        "TORCHELASTIC_USE_AGENT_STORE": True,  # the store of this process; none of theirs
        "OMP_NUM_THREADS": max(1, threads // count),
    }
    environment = {"GLOO_SOCKET_IFNAME": "lo"} | os.environ | {name: str(value) for name, value in shared.items()}
    with ExitStack() as stack:
        ranks = []
        for number in range(count):
            own = {name: str(number) for name in ("RANK", "LOCAL_RANK", STARTED)}
            ranks.append(_Rank.started(number, command, environment | own, held))
            stack.callback(ranks[-1].close)
        forwarded = stack.enter_context(_forwarding(ranks))  # a signal before that ends this process, and so the ranks
        return _Supervision(ranks, forwarded).exit_code()


@dataclass
class _Rank:
    """Process of one rank. All but the first print into a file, of which the end is their reason if they fail."""

    number: int
    process: subprocess.Popen[bytes]
    printed: IO[bytes] | None

    @classmethod
    def started(cls, number: int, command: Sequence[str], environment: dict[str, str], held: Sequence[int]) -> "_Rank":
        printed = TemporaryFile() if number else None  # noqa: SIM115  # until all ranks have ended
        # A session of its own: Ctrl-C comes to this process alone, which passes it on once.
        options: dict[str, Any] = {"start_new_session": True, "pass_fds": held, "env": environment, "bufsize": 0}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=printed, stderr=printed, **options)
        return cls(number, process, printed)

    def tell(self, reason: str) -> None:
        """Tell the rank why another has ended."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended as well
            self.process.stdin.write(f"{reason}\n".encode())

    def close(self) -> None:
        """Close the files between this process and the rank: one that has not ended takes it for the end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self.printed is not None:
            self.printed.close()

    def signal(self, number: int) -> None:
        """Send a signal, if the rank has not ended."""
        self.process.send_signal(number)

    def reason(self, count: int) -> str:
        """Return why the rank, one of `count`, has ended."""
        place = f"rank {self.number + 1} of {count}"
        if (code := self.process.returncode) < 0:
            return f"{place} was ended by {signal.Signals(-code).name}; {AGAIN}"
        lines = [] if self.printed is None else _last_lines(self.printed)
        return f"{place}: {lines[-1].removeprefix('otogura: ')}" if lines else f"{place} ended with {code}; {AGAIN}"


class _Supervision:
    """Wait for ranks, of which the first failure is told to the others."""

    def __init__(self, ranks: Sequence[_Rank], forwarded: Sequence[int]) -> None:
        self._ranks, self._forwarded = ranks, forwarded
        self._ended: SimpleQueue[_Rank] = SimpleQueue()
        self._failure: str | None = None
        for rank in ranks:
            threading.Thread(target=self._await, args=(rank,), daemon=True).start()

    def _await(self, rank: _Rank) -> None:
        rank.process.wait()
        self._ended.put(rank)

    def exit_code(self) -> int:
        """Return the exit code of the first rank when all have ended, and log why it has none of its own."""
        left, ends_at = len(self._ranks), None
        while left:
            try:
                rank = self._ended.get(timeout=None if ends_at is None else max(0.0, ends_at - time.monotonic()))
            except Empty:
                for one in self._ranks:
                    one.signal(signal.SIGKILL)
                ends_at = None
                continue
            left -= 1
            if rank.process.returncode and self._failure is None:
                self._failure = rank.reason(len(self._ranks))
                ends_at = time.monotonic() + GRACE_S
                for one in self._ranks:
                    one.tell(self._failure)
        code = self._ranks[0].process.returncode
        if code >= 0:
            return code
        if self._forwarded:
            log.error("otogura: interrupted; the same command goes on from here")
            return 128 + self._forwarded[0]
        log.error("otogura: %s", self._failure)
        return 1


@contextmanager
def _forwarding(ranks: Sequence[_Rank]) -> Iterator[list[int]]:
    """Context in which Ctrl-C and SIGTERM are passed on to the ranks; gives the list of those that were."""
    forwarded: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        forwarded.append(number)
        for rank in ranks:
            rank.signal(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, forward)
    try:
        yield forwarded
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_lines(file: IO[bytes]) -> list[str]:
    file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
    return [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]


def own_command() -> list[str]:
    """Return the command line of this process, a job, to be run as a rank."""
    return [sys.executable, "-m", "pipeline", *sys.argv[1:]]
