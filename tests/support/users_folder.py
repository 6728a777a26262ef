"""A folder of a user's, and commands that are typed there."""

import json
import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from core_environment import core_requirements, python_with

from stores import open_store

ROOT = Path(__file__).parents[2]
RECIPE = {"frames": 24, "n_mels": 32}
EXPERIMENT = {
    "corpus": {"source": "audio", "root": "corpus"},
    "recipe": "short",
    "model": {"width": 0.125, "blocks": [1, 1, 1], "attention_blocks": 1},
    "training": {"epochs": 2, "batch_size": 8, "device": "cpu"},
}


class Folder:
    """A user's folder with a corpus and a configuration.

    Commands run with nothing but the core dependencies, as `make demo` installs them, and with those of some extras.
    """

    def __init__(self, path: Path, code: Path = ROOT, extras: tuple[str, ...] = ()) -> None:
        self.path, self.code = path, code
        self.python = python_with(*map(str, core_requirements()), *extras)
        self.config: dict[str, Any] = {
            "clips_per_shard": 8,
            "experiments": {"genre": dict(EXPERIMENT)},
            "recipes": {"short": dict(RECIPE)},
        }

    def command(self, *arguments: str, cores: int | None = 1) -> list[str]:
        """Return the command; on one core, since tests run beside each other, or on those of the profile with None."""
        (self.path / "mine.yaml").write_text(yaml.safe_dump(self.config))
        if cores is not None:
            arguments = ("--cores", str(cores), *arguments)
        snakemake = [str(self.python), "-m", "snakemake", "--snakefile", str(self.code / "Snakefile")]
        return [*snakemake, *arguments, "--configfile", "mine.yaml"]

    def run(self, *arguments: str, ok: bool = True, cores: int | None = 1) -> str:
        """Everything that the command said."""
        result = subprocess.run(
            self.command(*arguments, cores=cores),
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        assert (result.returncode == 0) == ok, result.stdout
        return result.stdout

    def break_off(self, line: str, signal_number: int, *arguments: str) -> None:
        """Type a command, and send a signal to it and its jobs when a line of its output begins so."""
        with subprocess.Popen(
            self.command(*arguments),
            cwd=self.path,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            assert process.stderr is not None
            assert any(printed.startswith(line) for printed in process.stderr)
            os.killpg(process.pid, signal_number)
            process.stderr.read()
            assert process.wait(60)

    def computed(self, output: str) -> list[int]:
        return [int(count) for count in re.findall(r"(\d+) tensors computed", output)]

    def metrics(self, experiment: str = "genre") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / "work" / "runs" / experiment / "metrics.json").read_text())
        return found

    def labels(self) -> list[Counter[str]]:
        """Count the clips of each label in the current store of every corpus."""
        stores = map(open_store, (pointer.parent for pointer in self.path.glob("work/stores/*/current.json")))
        return [Counter(store.rows["label"].to_pylist()) for store in stores]
