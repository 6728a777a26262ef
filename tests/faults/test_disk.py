"""A disk that is full, and one that may not be written, as file systems of their own in a namespace of the user's."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from corpora import write_corpus

HERE = Path(__file__).parent
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    if shutil.which("unshare") is None or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        pytest.skip("this system gives its users no mounts of their own")


@pytest.mark.parametrize("what", ["full", "read_only"])
def test_disk(tmp_path: Path, what: str) -> None:
    write_corpus(tmp_path / "corpus", "abc", 8)
    config = {
        "clips_per_shard": 4,
        "recipes": {"own": {"frames": 24, "n_mels": 32}},
        "experiments": {
            "x": {
                "corpus": {"root": "corpus"},
                "recipe": "own",
                "model": {"width": 0.125, "blocks": [1, 1, 1], "attention_blocks": 1},
                "training": {"epochs": 1, "batch_size": 8, "device": "cpu"},
            }
        },
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    command = [*UNSHARE, sys.executable, str(HERE / "disk.py"), what]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("done\n")
