"""A build that is killed at any moment and started again ends with the bytes of one that was left alone.

`make faults` does it a hundred times; OTOGURA_FAULTS_CORPUS names a folder of recordings to do it with.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from corpora import tree, write_corpus

from features.decoding import SUFFIXES
from pipeline.config.schema import parse
from pipeline.workflow.names import build_lock
from pipeline.workflow.plan import Plan
from stores import open_store
from stores.verify import verify

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("OTOGURA_FAULTS_KILLS", "3"))
CORPUS = os.environ.get("OTOGURA_FAULTS_CORPUS")
CLIPS = 40  # or some more, of a corpus of one's own


class Site:
    """A corpus, and the jobs of the Snakefile on it."""

    def __init__(self, folder: Path) -> None:
        root = folder / "corpus"
        if CORPUS:
            recordings = sorted(path for path in Path(CORPUS).rglob("*") if path.suffix in SUFFIXES)
            for number, path in enumerate(recordings[:: max(1, len(recordings) // CLIPS)]):
                target = root / "ab"[number % 2] / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(path.resolve())
        else:
            write_corpus(root, "ab", 12)
        config = {
            "work_dir": str(folder / "work"),
            "clips_per_shard": 4,
            "recipes": {"own": {} if CORPUS else {"frames": 24, "n_mels": 32}},
            "experiments": {"x": {"corpus": {"root": str(root)}, "recipe": "own"}},
        }
        self.plan = Plan(parse(config, "mine.yaml"), "mine.yaml")
        self.family = self.plan.experiments["x"].store.family
        assert self.start("index", self.plan.experiments["x"].corpus.job).wait() == 0

    def start(self, job: str, text: str, *options: str, workers: int = 1) -> subprocess.Popen[bytes]:
        """A job in a process group of its own."""
        lock = str(build_lock(self.plan.work, job))
        command = [sys.executable, "-m", "pipeline", job, text, "--workers", str(workers), "--lock", lock, *options]
        return subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def build(self, *options: str, workers: int = 1) -> subprocess.Popen[bytes]:
        return self.start("build", self.plan.experiments["x"].store.job, *options, workers=workers)

    def build_until(self, call: int) -> subprocess.CompletedProcess[str]:
        """Build in one process, which kills itself before that call of those that change a folder, or counts them."""
        command = [sys.executable, "-c", COUNTED, str(call), "build", self.plan.experiments["x"].store.job]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


COUNTED = """
import os, signal, sys
from pipeline.__main__ import main

last, made = int(sys.argv.pop(1)), 0

def counted(call):
    def wrapper(*arguments, **options):
        global made
        made += 1
        if made == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)
    return wrapper

for name in ("rename", "replace", "link", "mkdir"):
    setattr(os, name, counted(getattr(os, name)))
code = main()
print(made)
sys.exit(code)
"""


@dataclass(frozen=True)
class Whole:
    """A site, the files of a build that was left alone, and its number of calls that change a folder."""

    site: Site
    files: dict[str, bytes]
    calls: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    site = Site(tmp_path_factory.mktemp("site"))
    built = site.build_until(-1)
    assert built.returncode == 0, built.stderr
    return Whole(site, tree(site.family), int(built.stdout))


@pytest.fixture
def site(whole: Whole) -> Site:
    """The site without a store."""
    shutil.rmtree(whole.site.family)
    return whole.site


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_killed_in_the_middle_the_same_command_goes_on(site: Site, whole: Whole, share: float) -> None:
    assert site.build_until(round(share * whole.calls)).returncode == -signal.SIGKILL
    assert tree(site.family) != whole.files
    assert site.build().wait() == 0
    assert tree(site.family) == whole.files
    assert not list(verify(site.family))


def test_killed_anywhere_and_resumed_the_bytes_are_the_same(site: Site, whole: Whole) -> None:
    began = time.monotonic()
    assert site.build(workers=2).wait() == 0
    duration = time.monotonic() - began
    moments = random.Random(KILLS)
    midway = 0
    for number in range(KILLS):
        shutil.rmtree(site.family)
        job = site.build(workers=2)
        try:
            job.wait(timeout=duration * moments.random())
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
        midway += site.family.exists() and tree(site.family) != whole.files
        assert site.build().wait() == 0  # with fewer workers
        assert tree(site.family) == whole.files, f"kill {number + 1}"
    assert not list(verify(site.family))
    if KILLS >= 100:  # fewer may all fall before the first or after the last byte
        assert midway > KILLS / 4
    print(f"{KILLS} kills, {midway} of them midway")


@pytest.mark.parametrize("order", ["together", "one after the other"])
def test_two_builds_of_one_store_do_the_work_once(site: Site, tmp_path: Path, order: str) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(2)]
    first = site.build("--log", str(logs[0]), workers=2)
    if order == "one after the other":
        first.wait()
    second = site.build("--log", str(logs[1]), workers=2)
    assert first.wait() == second.wait() == 0
    assert not list(verify(site.family))
    computed = [int(re.search(r"(\d+) tensors computed", log.read_text())[1]) for log in logs]  # type: ignore[index]
    assert sorted(computed) == [0, len(open_store(site.family)) * 6]
