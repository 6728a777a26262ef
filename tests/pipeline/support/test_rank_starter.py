"""Ranks of one machine: they start together, hear of each other's end, and none is left."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import wait_until

from pipeline.support import rank_starter
from pipeline.support.rank_starter import run_ranks

ROOT = Path(__file__).parents[3]

# A rank writes its environment, waits for the others, and does what the test says.
RANK = """
import os, signal, sys, time
from pathlib import Path
from training.rank_link import RankLink
folder, number = Path(sys.argv[1]), os.environ["RANK"]
{before}
(folder / ("writing" + number)).write_text(" ".join([str(os.getpid()), *map(os.environ.get, sys.argv[2:])]))
(folder / ("writing" + number)).rename(folder / number)
while len(list(folder.glob("[01]"))) < 2:
    time.sleep(0.01)
{after}
"""
SHARED = ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "LOCAL_RANK", "OMP_NUM_THREADS", "MASTER_ADDR")


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Signals as a terminal's foreground has them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def command(folder: Path, after: str, before: str = "") -> list[str]:
    return [sys.executable, "-c", RANK.format(before=before, after=after), str(folder), *SHARED]


@pytest.fixture(autouse=True)
def found_from_anywhere(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    caplog.set_level(logging.INFO, "otogura")


def test_each_rank_knows_its_number_and_shares_the_threads(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert run_ranks(command(tmp_path, "sys.exit(3 if number == '0' else 0)"), 2, threads=6) == 3
    words = [(tmp_path / str(number)).read_text().split()[1:] for number in range(2)]
    assert words == [["2", "2", number, "3", "127.0.0.1"] for number in "01"]
    assert caplog.messages == []


def test_the_first_rank_hears_why_another_has_failed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    after = """
if number == "1":
    print("a warning", file=sys.stderr)
    sys.exit("otogura: clip 7 is damaged")
(folder / "heard").write_text(RankLink().reason())
sys.exit(1)
"""
    assert run_ranks(command(tmp_path, after), 2, threads=2) == 1
    assert (tmp_path / "heard").read_text() == "rank 2 of 2: clip 7 is damaged"
    assert caplog.messages == []  # the first one has said it


@pytest.mark.parametrize("killed", "01")
def test_a_rank_that_is_killed_ends_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    """Also one that hears nothing."""
    monkeypatch.setattr(rank_starter, "GRACE_S", 0.0)
    after = f"os.kill(os.getpid(), signal.SIGKILL) if number == {killed!r} else signal.pause()"
    assert run_ranks(command(tmp_path, after), 2, threads=2) == 1
    assert caplog.messages == [
        f"otogura: rank {int(killed) + 1} of 2 was ended by SIGKILL; the same command goes on from the last checkpoint"
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_come_to_each_rank_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    before = """
caught = []
for one in (signal.SIGINT, signal.SIGTERM):
    signal.signal(one, lambda number, frame: caught.append(number))
"""
    after = """
while not caught:
    time.sleep(0.01)
(folder / ("caught" + number)).write_text(str(caught))
sys.exit(128 + caught[0])
"""

    def interrupt() -> None:
        while len(list(tmp_path.glob("[01]"))) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert run_ranks(command(tmp_path, after, before), 2, threads=2) == 128 + number
    thread.join()
    assert [(tmp_path / f"caught{rank}").read_text() for rank in range(2)] == [f"[{int(number)}]"] * 2
    assert caplog.messages == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ranks_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    words = command(tmp_path, "link = RankLink(); signal.pause()")
    code = f"from pipeline.support.rank_starter import run_ranks; run_ranks({words!r}, 2, threads=2)"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        wait_until(lambda: len(list(tmp_path.glob("[01]"))) == 2, process)
        pids = [int((tmp_path / number).read_text().split()[0]) for number in "01"]
        process.kill()
        process.wait()
        wait_until(lambda: not any(map(is_running, pids)), process, ended=True)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # nobody may be there to take its exit code
